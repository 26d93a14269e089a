"""A release folder: Parquet files, the card and their checksums, made whole or not at all."""

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
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS, Column, make_features
from curate.releases.row import Row

CHECKSUMS_FILE = "SHA256SUMS"
_LEFT = re.compile(r"\.(\d+)\.(old|part)")
ROWS_PER_GROUP = 100  # so that streaming readers need not fetch a whole file


@dataclass(frozen=True, kw_only=True)
class ReleaseContent:
    """What is to be published; the order of rows does not matter."""

    card_data: CardData
    train: Sequence[Row] = field(default_factory=tuple)
    raw: Sequence[Row] = field(default_factory=tuple)
    subsets: Mapping[str, Sequence[Row]] = field(default_factory=dict)  # of train, by split name

    @property
    def tables(self) -> list[tuple[str, tuple[Column, ...], Sequence[Row]]]:
        """Name, columns and rows of each split; readers stumble over files without rows."""
        subsets = [(name, TRAIN_COLUMNS, rows) for name, rows in self.subsets.items()]
        every = [("train", TRAIN_COLUMNS, self.train), *subsets, ("raw", RAW_COLUMNS, self.raw)]
        return [table for table in every if table[2]]


def write_release(folder: Path, release: ReleaseContent) -> Path:
    """Write *release* as *folder*, replacing what is there; the same release gives the same bytes.

    Raises ConfigurationError for an instance id that comes twice and for a folder that is no
    release.
    """
    _check_is_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _recover_leftovers(folder)
    work = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(work, ignore_errors=True)
    try:
        _fill_folder(work, release)
        _replace_folder(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def check_release(folder: Path) -> list[str]:
    """What is wrong with the files of a release, one sentence each; nothing for a whole one."""
    listed = folder / CHECKSUMS_FILE
    if not listed.is_file():
        return [f"{folder} has no {CHECKSUMS_FILE}: it is no release."]
    expected = {}
    for line in listed.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        expected[name] = digest
    found = _compute_checksums(folder)
    names = sorted(expected.keys() | found.keys())
    return [
        f"{name} is not what {CHECKSUMS_FILE} says."
        for name in names
        if expected.get(name) != found.get(name)
    ]


def _recover_leftovers(folder: Path) -> None:
    """Clear what killed processes left beside *folder*; a release they moved away comes back."""
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*"):
        named = _LEFT.fullmatch(left.name.removeprefix(f".{folder.name}"))
        if named is None or psutil.pid_exists(int(named[1])):
            continue
        if named[2] == "old" and not folder.exists():
            left.rename(folder)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _check_is_replaceable(folder: Path) -> None:
    if folder.exists() and not (folder / CHECKSUMS_FILE).is_file() and any(folder.iterdir()):
        raise ConfigurationError(
            f"{folder} is not empty and no release.", hint="Name a new folder for the release."
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
        raise ConfigurationError(f"{duplicates[0]} comes twice in one split.")
    return sorted(rows, key=lambda row: str(row["instance_id"]))


def write_parquet(path: Path, columns: tuple[Column, ...], rows: list[Row]) -> None:
    """Write *rows* as one typed, compressed Parquet file."""
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

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
    """Rename *work* to *folder*; what was there steps aside first and goes last."""
    old_folder = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old_folder)
    work.rename(folder)
    shutil.rmtree(old_folder, ignore_errors=True)
