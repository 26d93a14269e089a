"""Make environments from the tasks of the store, a release, a file or the Hub."""

import secrets
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from curate.core.settings import Settings, read_settings
from curate.gym.aio import AsyncEnvironment
from curate.gym.environment import Environment
from curate.gym.options import EnvironmentOptions

if TYPE_CHECKING:
    from curate.core.task import Task
    from curate.environments.tasks import TaskSource

EnvironmentT = TypeVar("EnvironmentT", bound=Environment)


def make(
    instance_id: str,
    *,
    dataset: str = "",
    split: str = "train",
    settings: Settings | None = None,
    **options: Any,
) -> Environment:
    """Return the environment of a task; its sandbox is started by `reset`.

    Args:
        instance_id: Such as "getmoto__moto-4848".
        dataset: Release folder, JSONL or Parquet file, or name on the Hub; "" = the store.
        split: Split of the dataset.
        settings: Settings; by default those of the environment variables and `curate.toml`.
        options: Fields of `EnvironmentOptions`.

    Raises:
        NotFoundError: The dataset has no such instance.
        ConfigurationError: An option or the dataset is invalid.
        BuilderError: The image cannot be had, or there is no engine.
    """
    from curate.environments.tasks import find_task

    chosen = EnvironmentOptions(**options)
    found = settings or read_settings({})
    with open_dataset(dataset, split, found) as source:
        task = find_task(source, instance_id)
    return make_from_task(task, chosen, found)


@contextmanager
def open_dataset(dataset: str, split: str, settings: Settings) -> Iterator["TaskSource"]:
    """Yield the tasks of *dataset*; "" is the store."""
    from curate.environments.tasks import open_tasks
    from curate.store import Store

    with Store(settings.data_dir) as store:
        yield open_tasks(dataset, settings, store, split)


def make_async(instance_id: str, **options: Any) -> AsyncEnvironment:
    """Return the asyncio twin of what `make` returns for the same arguments."""
    return AsyncEnvironment(make(instance_id, **options))


def make_from_task(task: "Task", options: EnvironmentOptions, settings: Settings) -> Environment:
    """Return the environment of *task*."""
    return make_environment(Environment, task, options, settings)


def make_environment(
    kind: type[EnvironmentT], task: "Task", options: EnvironmentOptions, settings: Settings
) -> EnvironmentT:
    """Return the environment of *task* as a *kind* of `Environment`."""
    from curate.environments.task_instance import prepare_instance
    from curate.gym.diff import DiffMaker
    from curate.gym.sandboxes import find_sandboxes
    from curate.harness.grade import grade_patch

    sandboxes = find_sandboxes(options.sandbox, settings)
    user = f"{task.instance_id}:{secrets.token_hex(4)}"
    built = prepare_instance(task, sandboxes.backend, user)
    open_session = partial(sandboxes.open_session, task, built, options)
    make_diff = DiffMaker(built.handle, open_session)
    # it lives as long as the last of the environment and its forks, which need the image
    weakref.finalize(make_diff, sandboxes.backend.release_instance, user)
    return kind(
        task,
        options,
        open_session=open_session,
        make_diff=make_diff,
        grade=lambda patch: grade_patch(task, built, patch, sandboxes.backend),
    )
