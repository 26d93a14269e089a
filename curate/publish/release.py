"""A release directory: Parquet files, dataset card and checksums, written atomically."""

import glob
import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from curate.core.errors import ConfigurationError
from curate.publish.card import CardData, DatasetSplit, render_card
from curate.publish.output_paths import (
    explain_path_errors,
    require_directory_name,
    require_writable,
)
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS, Column, make_features
from curate.releases.row import Row

CHECKSUMS_FILE = "SHA256SUMS"
_LEFTOVER = re.compile(r"\.(\d+)\.(old|part)")
ROWS_PER_GROUP = 100  # small row groups let streaming readers fetch parts of a file


@dataclass(frozen=True, kw_only=True)
class ReleaseContent:
    """The content of a release; the order of rows does not matter."""

    card_data: CardData
    train: Sequence[Row] = field(default_factory=tuple)
    raw: Sequence[Row] = field(default_factory=tuple)
    subsets: Mapping[str, Sequence[Row]] = field(default_factory=dict)  # of train, by split name

    @property
    def tables(self) -> list[tuple[str, tuple[Column, ...], Sequence[Row]]]:
        """Name, columns and rows of each non-empty split; some readers fail on empty files."""
        subsets = [(name, TRAIN_COLUMNS, rows) for name, rows in self.subsets.items()]
        tables = [("train", TRAIN_COLUMNS, self.train), *subsets, ("raw", RAW_COLUMNS, self.raw)]
        return [table for table in tables if table[2]]


def write_release(folder: Path, release: ReleaseContent) -> Path:
    """Write *release* to *folder*, replacing an earlier release; the output is deterministic.

    Raises ConfigurationError for a duplicate instance id, and if *folder* is neither empty nor a
    release.
    """
    require_replaceable(folder)
    folder = folder.absolute()
    work = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    with explain_path_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _recover_leftovers(folder)
        shutil.rmtree(work, ignore_errors=True)
        try:
            _fill_folder(work, release)
            _replace_folder(work, folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return folder


def check_release(folder: Path) -> list[str]:
    """Check the files of a release against its checksums; return one sentence per problem."""
    checksums_file = folder / CHECKSUMS_FILE
    if not checksums_file.is_file():
        return [f"{folder} is not a release: it has no {CHECKSUMS_FILE}."]
    expected = {}
    for line in checksums_file.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        expected[name] = digest
    found = _compute_checksums(folder)
    names = sorted(expected.keys() | found.keys())
    return [
        f"{name} does not match {CHECKSUMS_FILE}."
        for name in names
        if expected.get(name) != found.get(name)
    ]


def _recover_leftovers(folder: Path) -> None:
    """Remove directories that killed processes left next to *folder*; restore a moved release."""
    for path in folder.parent.glob(f".{glob.escape(folder.name)}.*"):
        match = _LEFTOVER.fullmatch(path.name.removeprefix(f".{folder.name}"))
        if match is None or psutil.pid_exists(int(match[1])):
            continue
        if match[2] == "old" and not folder.exists():
            path.rename(folder)
        else:
            shutil.rmtree(path, ignore_errors=True)


def require_replaceable(folder: Path) -> None:
    """Raise an error unless *folder* can be made, is empty, or is an earlier release."""
    require_directory_name(folder)
    require_writable(folder)
    with explain_path_errors(folder):
        if not folder.exists() and not folder.is_symlink():
            return
        if folder.is_dir() and ((folder / CHECKSUMS_FILE).is_file() or not any(folder.iterdir())):
            return
    raise ConfigurationError(
        f"{folder} is neither empty nor a release."
        if folder.is_dir()
        else f"{folder} is not a directory.",
        hint="Choose a new directory for the release.",
    )


def _fill_folder(work: Path, release: ReleaseContent) -> None:
    (work / "data").mkdir(parents=True)
    splits = []
    for name, columns, rows in release.tables:
        path = work / "data" / f"{name}-00000-of-00001.parquet"
        write_parquet(path, columns, _sort_rows(rows))
        splits.append(
            DatasetSplit(name=name, columns=columns, rows=len(rows), size=path.stat().st_size)
        )
    (work / "README.md").write_text(render_card(release.card_data, tuple(splits)), encoding="utf-8")
    lines = (f"{digest}  {name}\n" for name, digest in sorted(_compute_checksums(work).items()))
    (work / CHECKSUMS_FILE).write_text("".join(lines), encoding="utf-8")


def _sort_rows(rows: Sequence[Row]) -> list[Row]:
    counts = Counter(str(row["instance_id"]) for row in rows)
    duplicates = [name for name, count in counts.items() if count > 1]
    if duplicates:
        raise ConfigurationError(f"{duplicates[0]} occurs twice in one split.")
    return sorted(rows, key=lambda row: str(row["instance_id"]))


def write_parquet(path: Path, columns: tuple[Column, ...], rows: list[Row]) -> None:
    """Write *rows* as one compressed Parquet file with the types of *columns*."""
    import pyarrow
    import pyarrow.parquet

    schema: Any = make_features(columns).arrow_schema
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    pyarrow.parquet.write_table(
        table, path, compression="zstd", compression_level=9, row_group_size=ROWS_PER_GROUP
    )


def _compute_checksums(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != CHECKSUMS_FILE)
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def _replace_folder(work: Path, folder: Path) -> None:
    """Rename *work* to *folder*; the earlier release is moved aside first and deleted last."""
    old_folder = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old_folder)
    work.rename(folder)
    shutil.rmtree(old_folder, ignore_errors=True)
