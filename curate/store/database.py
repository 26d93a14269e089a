"""The SQLite connection: transactions, and SQLite's errors translated for the user."""

import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate.builders.errors import DiskFullError
from curate.core.errors import StoreError
from curate.store.migrations import check_format, prepare_database
from curate.store.tables import FORMAT_VERSION

log = logging.getLogger(__name__)

BUSY_SECONDS = 20.0
DATABASE_FILE = "curate.sqlite"
_MIN_FREE_BYTES = 64 << 10  # the WAL index grows in steps of 32 KiB


class Database:
    """One connection in WAL mode, shared by the threads of one process.

    A database that may not be written is opened for reading, if its format is the current one.
    """

    def __init__(self, folder: Path, *, is_copy: bool = False, read_only: bool = False) -> None:
        """Open the database, or create it unless it is to be *read_only*.

        Bringing the format of a copy forward is not told.
        """
        self._folder = folder
        self._lock = threading.RLock()
        file = folder / DATABASE_FILE
        self.is_read_only = read_only or (file.exists() and not _is_writable(folder))
        with self._translate_errors():
            if self.is_read_only:
                self._connection = _connect(read_only_uri(folder))
                check_format(self._connection)
                return
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(file.absolute().as_uri())
            check_format(self._connection, oldest=0)  # what is refused is not changed
            _enter_wal_mode(self._connection)
            self._connection.execute("PRAGMA synchronous = NORMAL")
            found = prepare_database(self._connection)
            if 0 < found < FORMAT_VERSION and not is_copy:
                log.info("The store was brought from format %s to %s", found, FORMAT_VERSION)

    def close(self) -> None:
        """Close the connection; everything is committed already."""
        with self._lock:
            self._connection.close()

    def fetch_one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row of a query, or None."""
        rows = self.fetch_all(query, *values)
        return rows[0] if rows else None

    def fetch_all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._lock, self._translate_errors():
            return self._connection.execute(query, values).fetchall()

    def execute(self, statement: str, *values: object) -> None:
        """Execute one statement that writes."""
        self.fetch_all(statement, *values)

    def count_rows(self, what: str, *values: object) -> int:
        """Return the number of rows of *what*: a table name, optionally with WHERE."""
        row = self.fetch_one(f"SELECT COUNT(*) FROM {what}", *values)
        return int(row[0]) if row else 0

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit the writes of the block, or roll all of them back if it raises."""
        with self._lock, self._translate_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def attached(self, uri: str) -> Iterator[None]:
        """Attach the database *uri* as `source` during the block, for queries over both."""
        with self._lock, self._translate_errors():
            self._connection.execute("ATTACH ? AS source", (uri,))
            try:
                yield
            finally:
                self._connection.execute("DETACH source")

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Turn SQLite's errors into errors for the user."""
        try:
            yield
        except sqlite3.OperationalError as error:
            text = str(error)
            if "full" in text or ("disk I/O" in text and _has_no_space(self._folder)):
                raise DiskFullError(
                    f"The disk of the data directory {self._folder} is full.",
                    hint="Free some space and run the same command again.",
                ) from error
            if "locked" in text:
                message = "is locked by another process of curate"
                hint = "Wait until the other command has finished."
            else:
                message, hint = f"cannot be used ({text})", "Check its permissions."
            raise StoreError(f"The data directory {self._folder} {message}.", hint=hint) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self._folder}/{DATABASE_FILE} is damaged or not a curate database ({error}).",
                hint="Restore it from a backup, or choose another directory with --data-dir.",
            ) from error
        except (NotADirectoryError, PermissionError, FileExistsError) as error:
            raise StoreError(
                f"The data directory {self._folder} cannot be created ({error.strerror}).",
                hint="Choose another directory with --data-dir.",
            ) from error


def _is_writable(folder: Path) -> bool:
    """Whether this user may write the database in *folder*, and files beside it."""
    effective = os.access in os.supports_effective_ids
    paths = (folder / DATABASE_FILE, folder)
    return all(os.access(path, os.W_OK, effective_ids=effective) for path in paths)


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(
        uri, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True
    )


def _enter_wal_mode(database: sqlite3.Connection) -> None:
    """Switch a new database to WAL mode: for this alone SQLite does not wait for a lock."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def read_only_uri(folder: Path) -> str:
    """The address of the database in *folder*, to be read only.

    Where nobody may write and there is no write-ahead log, nothing changes, and SQLite needs no
    shared memory beside it.
    """
    file = folder / DATABASE_FILE
    is_frozen = not _is_writable(folder) and not file.with_name(f"{DATABASE_FILE}-wal").exists()
    return f"{file.absolute().as_uri()}?{'immutable=1' if is_frozen else 'mode=ro'}"


def _has_no_space(folder: Path) -> bool:
    """Whether the disk of *folder* lacks room even for SQLite's shared memory file."""
    return shutil.disk_usage(folder).free < _MIN_FREE_BYTES
