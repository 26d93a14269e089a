"""Merges stores: what several machines found becomes one store, in whatever order.

Each source is merged in one transaction, so a killed merge leaves whole sources, and the same call
does the rest. Merging again changes nothing.
"""

import errno
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from curate.builders.process.temp_dirs import remove_stale_temp_dirs
from curate.store.merge_files import copy_blob_files, copy_recipes, require_blob
from curate.store.merge_pulls import merge_pulls
from curate.store.merge_rows import merge_rows
from curate.store.merge_sources import (
    TEMP_PURPOSE,
    SourceError,
    locate_database,
    open_source,
)
from curate.store.merge_validations import merge_validations
from curate.store.store import Store
from curate.store.verdicts import SetAside


@dataclass(frozen=True, kw_only=True)
class MergedStore:
    """What one source added."""

    path: Path
    pulls: int  # PRs that are new, or newer than in the target
    validations: int  # of candidates that had none
    lost_candidates: int  # whose PR has changed since and was not decided on again
    different_recipes: tuple[str, ...]  # names of drafts that both had; the newer one was taken


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
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT) or _is_inside(target.folder, error):
                raise
            report.skipped[path] = f"cannot be read ({error.strerror})"
    report.set_aside = target.list_set_aside()
    return report


def _is_inside(folder: Path, error: OSError) -> bool:
    """Whether *error* concerns a file in *folder*."""
    return isinstance(error.filename, str) and Path(error.filename).is_relative_to(folder)


def _identify(path: Path) -> Path:
    """Return the data directory of a store without links on its path."""
    resolved = path.resolve()
    return resolved if resolved.is_dir() else resolved.parent


def _merge_source(target: Store, path: Path) -> MergedStore:
    with open_source(path, target.folder) as source:
        copy_blob_files(source.folder, target.folder)
        with target.attached(source.uri) as database:
            database.create_function("require_blob", 2, require_blob, deterministic=True)
            try:
                validations = merge_validations(database)
                pulls, lost = merge_pulls(database)
                merge_rows(database)
            except sqlite3.Error as error:
                if not _is_to_blame(database, error):
                    raise
                raise SourceError(f"is damaged ({_describe(error)})") from error
            except (zstandard.ZstdError, ValueError) as error:
                raise SourceError("is damaged (a record cannot be read)") from error
        recipes = copy_recipes(source.folder, target.folder)
    return MergedStore(
        path=path,
        pulls=pulls,
        validations=validations,
        lost_candidates=lost,
        different_recipes=recipes,
    )


def _is_to_blame(database: sqlite3.Connection, error: sqlite3.Error) -> bool:
    """Whether *error* is due to the attached database, and neither to the target nor to a disk."""
    if "full" in str(error) or "locked" in str(error):
        return False
    try:
        return bool(database.execute("PRAGMA main.quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


def _describe(error: sqlite3.Error) -> str:
    is_blob = "user-defined function" in str(error)  # SQLite's words for an error of require_blob
    return "a patch or log is not what was stored" if is_blob else str(error)
