"""Files of a dataset: a release directory, a file of rows, or a name on the Hub."""

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

from curate.builders.process.digest import content_hash
from curate.core.errors import ConfigurationError, NetworkError, NotFoundError
from curate.core.files import require_ordinary_file
from curate.core.near_words import suggest_word
from curate.core.settings import Settings
from curate.releases.reader import list_splits
from curate.releases.schema_version import check_schema_version

_HUB_NAME = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?:@([\w-][\w./-]*))?")
_FILE_SUFFIXES = {".parquet", ".jsonl", ".ndjson"}


@dataclass(frozen=True, kw_only=True)
class DatasetFiles:
    """Parquet or JSON Lines files with the rows of a split."""

    name: str  # as the user gave it
    paths: tuple[Path, ...]
    folder: Path | None = None  # of the release; None = a file of rows

    def iter_ids(self) -> Iterator[str]:
        """Yield the instance ids in the order of the files."""
        for row in self.iter_rows(("instance_id",)):
            yield str(row["instance_id"])

    def iter_rows(
        self, columns: Sequence[str] | None = None, ids: frozenset[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of *ids*, or all; *columns* are those to read, of which some may lack.

        One group of rows is in memory at once. Raises ConfigurationError for an invalid file.
        """
        for path in self.paths:
            read = _iter_parquet if path.suffix == ".parquet" else _iter_json_lines
            yield from read(path, columns, ids)


def find_dataset_files(dataset: str, settings: Settings, split: str) -> DatasetFiles:
    """Return the files of *split* of *dataset*.

    A path is a release directory, or a .parquet or .jsonl file of rows, which has no other split.
    Any other OWNER/NAME, or OWNER/NAME@REVISION, is downloaded from the Hub into the data
    directory. Raises NotFoundError, ConfigurationError, NetworkError, AuthenticationError.
    """
    path = Path(dataset)
    if path.is_dir():
        return _list_files(path, split, dataset)
    if path.exists() or path.suffix in _FILE_SUFFIXES:
        return DatasetFiles(name=dataset, paths=(_require_rows(path),))
    found = _HUB_NAME.fullmatch(dataset)
    if not found:
        raise NotFoundError(
            f"No dataset {dataset}.",
            hint="Pass a release directory, a .parquet or .jsonl file, or OWNER/NAME on the Hub.",
        )
    try:
        folder = _download(dataset, found[1], found[2], settings)
    except (NotFoundError, NetworkError) as error:
        if not path.parent.is_dir():
            raise
        here = f"There is no {dataset} here either, if a directory was meant."
        raise type(error)(str(error), hint=f"{here} {error.hint}") from error
    return _list_files(folder, split, dataset)


def _list_files(folder: Path, split: str, name: str) -> DatasetFiles:
    splits = list_splits(folder)
    if split not in splits:
        known = f"Its splits: {', '.join(splits)}." if splits else "It is no release of curate."
        known = f"{suggest_word(split, splits)} {known}".strip()
        raise NotFoundError(f"{name} has no split {split}.", hint=known)
    check_schema_version(folder, name)
    paths = tuple(
        path for path in sorted(folder.glob("data/*.parquet")) if path.name.split("-")[0] == split
    )
    return DatasetFiles(name=name, paths=paths, folder=folder)


def _require_rows(path: Path) -> Path:
    if path.suffix not in _FILE_SUFFIXES:
        raise ConfigurationError(
            f"{path} is not a file of rows.", hint="Pass a .parquet or .jsonl file."
        )
    require_ordinary_file(path)
    path.open("rb").close()
    return path


def _download(dataset: str, name: str, revision: str | None, settings: Settings) -> Path:
    from curate.releases.hub_client import DEFAULT_BRANCH, download_dataset, limit_silence

    limit_silence(settings.network_timeout)
    place = f"{name.replace('/', '__')}-{content_hash(dataset)[:8]}"
    folder = settings.data_dir / "datasets" / place
    if not download_dataset(name, folder, branch=revision or DEFAULT_BRANCH):
        at = f" at revision {revision}" if revision else ""
        raise NotFoundError(
            f"The Hub has no dataset {name}{at} with Parquet files.",
            hint="Check its name; a private one needs a token in HF_TOKEN.",
        )
    return folder


def _iter_parquet(
    path: Path, columns: Sequence[str] | None, ids: frozenset[str] | None
) -> Iterator[dict[str, Any]]:
    """Yield rows, a group of them at a time; groups without any of *ids* are not read."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if "instance_id" not in names:
                raise ConfigurationError(
                    f"{path} has no column instance_id.", hint="Pass rows of instances."
                )
            present = [name for name in names if columns is None or name in columns]
            for number in range(file.num_row_groups):
                found = file.read_row_group(number, columns=["instance_id"])["instance_id"]
                wanted = [ids is None or name in ids for name in found.to_pylist()]
                if any(wanted):
                    rows = file.read_row_group(number, columns=present).to_pylist()
                    yield from compress(rows, wanted)
    except pyarrow.ArrowInvalid as error:
        raise ConfigurationError(
            f"{path} is not a valid Parquet file.", hint="Publish or export the rows again."
        ) from error


def _iter_json_lines(
    path: Path, columns: Sequence[str] | None, ids: frozenset[str] | None
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
                yield {key: row[key] for key in (columns or row) if key in row}
