"""Stores that are merged into another: opened without a change to them, brought to the format."""

import fcntl
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from curate.builders.process.temp_dirs import temp_dir
from curate.core.errors import StoreError
from curate.store.database import DATABASE_FILE, Database
from curate.store.migrations import check_format
from curate.store.process_lock import PURPOSES
from curate.store.tables import FORMAT_VERSION

TEMP_PURPOSE = "merge"
_MAGIC = b"SQLite format 3\0"


class SourceError(Exception):
    """Why a store cannot be merged, as the end of a sentence that begins with its path."""


@dataclass(frozen=True, kw_only=True)
class SourceStore:
    """A store that is merged, as SQLite can attach it."""

    uri: str  # of a database in the current format that nothing writes
    folder: Path  # its data directory


@contextmanager
def open_source(path: Path, workspace: Path) -> Iterator[SourceStore]:
    """Yield the store at *path*, a data directory or its database; raises SourceError.

    Nothing is written there: what has to be changed to be read, because it is older or its last
    process was killed, is copied to a folder in *workspace* first.
    """
    file = locate_database(path)
    _require_unused(file)
    if not _has_log(file) and _read_format(file) == FORMAT_VERSION:
        yield SourceStore(uri=f"{file.absolute().as_uri()}?immutable=1", folder=file.parent)
        return
    with temp_dir(workspace, TEMP_PURPOSE) as folder:
        copy = folder / DATABASE_FILE
        _copy_database(file, copy)
        yield SourceStore(uri=f"{copy.as_uri()}?mode=ro", folder=file.parent)


def locate_database(path: Path) -> Path:
    """Return the database of the data directory or database *path*; raises SourceError."""
    file = path / DATABASE_FILE if path.is_dir() else path
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise SourceError("is no regular file")  # a pipe would be waited for
        with file.open("rb") as opened:
            start = opened.read(len(_MAGIC))
    except FileNotFoundError as error:
        problem = f"has no {DATABASE_FILE}" if file != path else "does not exist"
        raise SourceError(problem) from error
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})") from error
    if not start and not _has_log(file):
        raise SourceError("is empty: no store was written there")
    if start not in (_MAGIC, b""):
        raise SourceError("is damaged or no store of curate")
    return file


def _require_unused(file: Path) -> None:
    """Raise SourceError if a process works in the data directory of *file*."""
    for purpose in PURPOSES:
        with suppress(FileNotFoundError, PermissionError):
            lock = os.open(file.with_name(f"{purpose}.lock"), os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise SourceError(
                    f"is in use: another process of curate is running {purpose} there"
                ) from error
            finally:
                os.close(lock)


def _has_log(file: Path) -> bool:
    """Whether there is a write-ahead log with content that is not in *file* yet."""
    log = file.with_name(f"{file.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _read_format(file: Path) -> int:
    """Return the format of the database *file*; raises SourceError if this curate cannot read it.

    The log of a killed process is not read: a migration that it may hold is made again.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)) as found:
            check_format(found, oldest=0)
            return int(found.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        raise SourceError(f"is damaged or no store of curate ({error})") from error
    except StoreError as error:
        raise SourceError(f"was refused: {error}") from error


def _copy_database(file: Path, copy: Path) -> None:
    """Copy *file* and its log, and bring the copy to the current format."""
    try:
        shutil.copyfile(file, copy)
        if _has_log(file):
            shutil.copyfile(file.with_name(f"{file.name}-wal"), copy.with_name(f"{copy.name}-wal"))
        Database(copy.parent, is_copy=True).close()
    except StoreError as error:
        text = str(error).replace(str(copy.parent), str(file.parent))
        raise SourceError(f"was refused: {text}") from error
