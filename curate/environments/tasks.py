"""Tasks of a dataset: the store, a release directory, a file of rows, or a name on the Hub."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.near_words import find_near_id
from curate.core.settings import Settings
from curate.core.task import Task
from curate.environments.dataset_files import DatasetFiles, find_dataset_files
from curate.environments.stored_tasks import make_stored_task, use_own_build
from curate.releases.tasks import TASK_COLUMNS, make_task
from curate.store import Store

DEFAULT_SPLIT = "train"


class TaskSource(Protocol):
    """Tasks by instance id, of which only a few are in memory at once."""

    @property
    def name(self) -> str:
        """The dataset, for people."""
        ...

    @property
    def ids(self) -> Sequence[str]:
        """The ids of all tasks, in order."""
        ...

    def iter_tasks(self, ids: Iterable[str]) -> "Iterator[Task | InvalidTask]":
        """Yield the tasks of *ids* that exist, in the order of the dataset."""
        ...


@dataclass(frozen=True, kw_only=True)
class InvalidTask:
    """A row of which no task can be made."""

    instance_id: str
    error: ConfigurationError


def open_tasks(
    dataset: str, settings: Settings, store: Store, split: str = DEFAULT_SPLIT
) -> TaskSource:
    """Return the tasks of *dataset*; "" is the store.

    A path is a release directory, or a .parquet or .jsonl file of rows; any other OWNER/NAME, or
    OWNER/NAME@REVISION, is downloaded from the Hub into the data directory. Raises NotFoundError,
    ConfigurationError, NetworkError, AuthenticationError.
    """
    if not dataset:
        return StoredTasks(store=store)
    return RowTasks(files=find_dataset_files(dataset, settings, split), store=store)


def find_task(source: TaskSource, instance_id: str) -> Task:
    """Return one task; raises NotFoundError for an unknown id."""
    task = next(iter(source.iter_tasks([instance_id])), None)
    if task is None:
        raise make_unknown_error(source, instance_id)
    if isinstance(task, InvalidTask):
        raise task.error
    return task


def make_unknown_error(source: TaskSource, instance_id: str) -> NotFoundError:
    """Return the error for an id that *source* does not have."""
    ids = source.ids
    near = find_near_id(instance_id, ids)
    example = f"An id of it: {ids[0]}." if ids else "It has no tasks."
    hint = f"Perhaps you meant {near}?" if near else example
    return NotFoundError(f"{source.name} has no task {instance_id}.", hint=hint)


@dataclass(frozen=True, kw_only=True)
class StoredTasks:
    """The verified candidates of the store."""

    store: Store
    name: str = "the store"

    @cached_property
    def ids(self) -> Sequence[str]:
        """By repository and number."""
        return list(self.store.verified_inputs())

    def iter_tasks(self, ids: Iterable[str]) -> Iterator[Task]:
        """Yield the tasks of *ids*."""
        wanted = frozenset(ids)
        chosen = [name for name in self.ids if name in wanted]
        for candidate, validation in self.store.iter_verified(chosen):
            yield make_stored_task(candidate, validation)


@dataclass(frozen=True, kw_only=True)
class RowTasks:
    """The rows of Parquet or JSON Lines files."""

    files: DatasetFiles
    store: Store  # knows what was built on this machine

    @property
    def name(self) -> str:
        """The dataset, for people."""
        return self.files.name

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return self.files.paths

    @cached_property
    def ids(self) -> Sequence[str]:
        """In the order of the files."""
        return list(self.files.iter_ids())

    def iter_tasks(self, ids: Iterable[str]) -> Iterator[Task | InvalidTask]:
        """Yield the tasks of *ids*."""
        for row in self.files.iter_rows(TASK_COLUMNS, frozenset(ids)):
            try:
                yield use_own_build(make_task(row), self.store)
            except ConfigurationError as error:
                yield InvalidTask(instance_id=str(row["instance_id"]), error=error)
