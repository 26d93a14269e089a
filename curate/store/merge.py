"""Merges stores: what several machines found becomes one store, in whatever order.

Each source is merged in one transaction, so a killed merge leaves whole sources, and the same call
does the rest. Merging again changes nothing. Drafted recipes are copied where there is none.
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from curate.builders.process.atomic_write import atomic_write
from curate.builders.process.temp_dirs import remove_stale_temp_dirs
from curate.store.merge_pulls import merge_pulls
from curate.store.merge_rows import merge_rows
from curate.store.merge_sources import (
    TEMP_PURPOSE,
    SourceError,
    locate_database,
    open_source,
)
from curate.store.merge_validations import (
    REASON,
    STAGE,
    SetAside,
    merge_validations,
    read_set_aside,
)
from curate.store.serialization import decompress
from curate.store.store import Store


@dataclass(frozen=True, kw_only=True)
class MergedStore:
    """What one source added."""

    path: Path
    pulls: int  # PRs that are new, or newer than in the target
    validations: int  # of candidates that had none
    lost_candidates: int  # whose PR has changed since and was not decided on again


@dataclass(kw_only=True)
class MergeReport:
    """What was merged, and what could not be."""

    merged: list[MergedStore] = field(default_factory=list)
    skipped: dict[Path, str] = field(default_factory=dict)  # path: end of a sentence
    set_aside: list[SetAside] = field(default_factory=list)  # all in the target, by instance id


def merge_stores(target: Store, sources: Iterable[Path]) -> MergeReport:
    """Merge the stores *sources*, data directories or their databases, into *target*.

    A source that cannot be merged is named in the report, and nothing of it is taken. Raises
    StoreError if the target cannot be written, DiskFullError if its disk is full.
    """
    report = MergeReport()
    seen: set[Path] = set()
    remove_stale_temp_dirs(target.folder, TEMP_PURPOSE)
    for path in sources:
        try:
            identity = _identify(locate_database(path))
            if identity == _identify(target.folder):
                raise SourceError("is the store that is merged into")
            if identity not in seen:  # given twice, perhaps by a link
                seen.add(identity)
                report.merged.append(_merge_source(target, path))
        except SourceError as error:
            report.skipped[path] = str(error)
    report.set_aside = list_set_aside(target)
    return report


def list_set_aside(store: Store) -> list[SetAside]:
    """Return the instances whose validations contradict each other, by instance id."""
    found = map(read_set_aside, store.iter_rejected(STAGE, REASON))
    return [aside for aside in found if aside]


def _identify(path: Path) -> Path:
    """Return the data directory of a store without links on its path."""
    resolved = path.resolve()
    return resolved if resolved.is_dir() else resolved.parent


def _merge_source(target: Store, path: Path) -> MergedStore:
    with open_source(path, target.folder) as source:
        _copy_blob_files(source.blobs, target.folder / "blobs")
        with target.attached(source.uri) as database:
            database.create_function("require_blob", 2, _require_blob, deterministic=True)
            try:
                validations = merge_validations(database)
                pulls, lost = merge_pulls(database)
                merge_rows(database)
            except sqlite3.Error as error:
                if not _is_to_blame(database, error):
                    raise
                raise SourceError(f"is damaged ({error})") from error
    return MergedStore(path=path, pulls=pulls, validations=validations, lost_candidates=lost)


def _is_to_blame(database: sqlite3.Connection, error: sqlite3.Error) -> bool:
    """Whether *error* is due to the attached database, and neither to the target nor to a disk."""
    if "full" in str(error) or "locked" in str(error):
        return False
    try:
        return bool(database.execute("PRAGMA main.quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


def _require_blob(key: str, packed: bytes) -> bool:
    """Return True if *packed* is the content of *key*; SQL fails if not."""
    return hashlib.sha256(decompress(packed)).hexdigest() == key


def _copy_blob_files(source: Path, target: Path) -> None:
    """Copy the large blobs that *target* lacks; raises SourceError for a damaged one."""
    for file in sorted(source.glob("??/*.zst")):
        copy = target / file.parent.name / file.name
        if copy.exists():
            continue
        try:
            packed = file.read_bytes()
            is_sound = _require_blob(file.parent.name + file.stem, packed)
        except (OSError, zstandard.ZstdError):
            is_sound = False
        if not is_sound:
            raise SourceError(f"is damaged: {file.relative_to(source.parent)} cannot be read")
        copy.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(copy) as partial:
            partial.write_bytes(packed)
