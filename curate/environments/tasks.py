"""Tasks of a dataset: the store, a release directory, a file of rows, or a name on the Hub."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Any, Protocol

from curate.builders.process.digest import content_hash
from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.files import require_ordinary_file
from curate.core.near_words import find_near_id, suggest_word
from curate.core.settings import Settings
from curate.core.task import Task
from curate.environments.stored_tasks import make_stored_task
from curate.releases.reader import list_splits
from curate.releases.schema_version import check_schema_version
from curate.releases.tasks import TASK_COLUMNS, make_task
from curate.store import Store

DEFAULT_SPLIT = "train"
_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


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

    A path is a release directory, or a .parquet or .jsonl file of rows; any other OWNER/NAME is
    downloaded from the Hub into the data directory. Raises NotFoundError, ConfigurationError,
    NetworkError, AuthenticationError.
    """
    if not dataset:
        return StoredTasks(store=store)
    path = Path(dataset)
    if path.is_dir():
        return _open_folder(path, split, dataset)
    if path.exists() or path.suffix in {".parquet", ".jsonl", ".ndjson"}:
        return RowTasks(name=dataset, paths=(_require_rows(path),))
    if not _HUB_NAME.fullmatch(dataset):
        raise NotFoundError(
            f"No dataset {dataset}.",
            hint="Pass a release directory, a .parquet or .jsonl file, or OWNER/NAME on the Hub.",
        )
    return _open_folder(_download(dataset, settings), split, dataset)


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

    name: str
    paths: tuple[Path, ...]

    @cached_property
    def ids(self) -> Sequence[str]:
        """In the order of the files."""
        return [str(row["instance_id"]) for row in self._iter_rows(("instance_id",), None)]

    def iter_tasks(self, ids: Iterable[str]) -> Iterator[Task | InvalidTask]:
        """Yield the tasks of *ids*."""
        for row in self._iter_rows(TASK_COLUMNS, frozenset(ids)):
            try:
                yield make_task(row)
            except ConfigurationError as error:
                yield InvalidTask(instance_id=str(row["instance_id"]), error=error)

    def _iter_rows(
        self, columns: tuple[str, ...], ids: frozenset[str] | None
    ) -> Iterator[dict[str, Any]]:
        for path in self.paths:
            read = _iter_parquet if path.suffix == ".parquet" else _iter_json_lines
            yield from read(path, columns, ids)


def _iter_parquet(
    path: Path, columns: tuple[str, ...], ids: frozenset[str] | None
) -> Iterator[dict[str, Any]]:
    """Yield rows, a group of them at a time; groups without any of *ids* are not read."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            present = [name for name in columns if name in file.schema_arrow.names]
            if "instance_id" not in present:
                raise ConfigurationError(
                    f"{path} has no column instance_id.", hint="Pass rows of instances."
                )
            for number in range(file.num_row_groups):
                names = file.read_row_group(number, columns=["instance_id"])["instance_id"]
                wanted = [ids is None or name in ids for name in names.to_pylist()]
                if any(wanted):
                    rows = file.read_row_group(number, columns=present).to_pylist()
                    yield from compress(rows, wanted)
    except pyarrow.ArrowInvalid as error:
        raise ConfigurationError(
            f"{path} is not a valid Parquet file.", hint="Publish or export the rows again."
        ) from error


def _iter_json_lines(
    path: Path, columns: tuple[str, ...], ids: frozenset[str] | None
) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.removeprefix(codecs.BOM_UTF8))
                name = row["instance_id"]
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise ConfigurationError(
                    f"{path}, line {number}: not a JSON object with an instance_id.",
                    hint="Pass a file of rows, as curate export writes it.",
                ) from error
            if ids is None or name in ids:
                yield {column: row[column] for column in columns if column in row}


def _open_folder(folder: Path, split: str, name: str) -> RowTasks:
    paths = tuple(sorted(folder.glob(f"data/{split}-*.parquet")))
    if not paths:
        splits = list_splits(folder)
        known = f"Its splits: {', '.join(splits)}." if splits else "It is no release of curate."
        known = f"{suggest_word(split, splits)} {known}".strip()
        raise NotFoundError(f"{name} has no split {split}.", hint=known)
    check_schema_version(folder, name)
    return RowTasks(name=name, paths=paths)


def _require_rows(path: Path) -> Path:
    if path.suffix not in {".parquet", ".jsonl", ".ndjson"}:
        raise ConfigurationError(
            f"{path} is not a file of rows.", hint="Pass a .parquet or .jsonl file."
        )
    require_ordinary_file(path)
    path.open("rb").close()
    return path


def _download(name: str, settings: Settings) -> Path:
    from curate.releases.hub_client import download_dataset, limit_silence

    limit_silence(settings.network_timeout)
    folder = settings.data_dir / "datasets" / f"{name.replace('/', '__')}-{content_hash(name)[:8]}"
    if not download_dataset(name, folder):
        raise NotFoundError(f"The Hub has no dataset {name} with Parquet files.")
    return folder
