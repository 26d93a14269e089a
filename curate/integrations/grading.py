"""Tasks of a dataset and the grades of patches, for modules that plug into other projects."""

import logging
import secrets
from collections.abc import Iterator
from functools import cache

from curate.builders.backends.protocol import Backend
from curate.core.settings import Settings, read_settings
from curate.core.task import Task
from curate.environments.task_instance import prepare_instance
from curate.environments.tasks import InvalidTask, TaskSource, find_task, open_tasks
from curate.gym.sandboxes import find_sandboxes
from curate.harness.grade import Grade, grade_patch
from curate.store import Store

log = logging.getLogger(__name__)

PATCH_PATH = "/tmp/curate-model.patch"  # where an agent's sandbox keeps its diff for a moment


def iter_tasks(dataset: str, split: str) -> Iterator[Task]:
    """Yield the tasks of *dataset*: a release directory, a file of rows, or a name on the Hub.

    A row that is no task is said in the log and left out.
    """
    source = _open_source(dataset, split)
    for task in source.iter_tasks(source.ids):
        if isinstance(task, InvalidTask):
            log.warning("%s is left out: %s", task.instance_id, task.error)
        else:
            yield task


def grade(dataset: str, split: str, instance_id: str, patch: bytes) -> Grade:
    """Test *patch* in a fresh container, as `curate evaluate` does; blocks until it is done."""
    task = find_task(_open_source(dataset, split), instance_id)
    backend = _open_docker()
    user = f"{instance_id}:{secrets.token_hex(4)}"
    try:
        return grade_patch(task, prepare_instance(task, backend, user), patch, backend)
    finally:
        backend.release_instance(user)


def read_gold(dataset: str, split: str, instance_id: str) -> bytes:
    """Return the reference solution of an instance, a diff; no agent may see it."""
    return find_task(_open_source(dataset, split), instance_id).gold


def make_prompt(task: Task) -> str:
    """Return what an agent is asked to do."""
    issue = task.problem_statement.rstrip()
    place = f"The repository {task.repo} is checked out at /testbed."
    return f"{place} Resolve this issue:\n\n{issue}\n"


@cache
def _settings() -> Settings:
    return read_settings({})


@cache
def _store() -> Store:
    return Store(_settings().data_dir)


@cache
def _open_docker() -> Backend:
    return find_sandboxes("docker", _settings()).backend  # its runs are those of this process


@cache
def _open_source(dataset: str, split: str) -> TaskSource:
    return open_tasks(dataset, _settings(), _store(), split)
