"""The SQLite connection: transactions, and its refusals in the user's words."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders.errors import DiskFullError
from curate.core.errors import StoreError
from curate.store.tables import prepare_tables

_BUSY_SECONDS = 20.0
_MIN_FREE_BYTES = 64 << 10  # bytes; an index of the log grows by half of it


class Database:
    """One connection in WAL mode, shared by the threads of one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        with self._translate_errors():
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                folder / "curate.sqlite",
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            prepare_tables(self._connection)

    def close(self) -> None:
        """Close the connection; nothing is pending."""
        with self._lock:
            self._connection.close()

    def fetch_one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        """First row of a query, or None."""
        rows = self.fetch_all(query, *values)
        return rows[0] if rows else None

    def fetch_all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock, self._translate_errors():
            return self._connection.execute(query, values).fetchall()

    def execute(self, statement: str, *values: object) -> None:
        """Execute one statement that writes."""
        self.fetch_all(statement, *values)

    def count_rows(self, what: str, *values: object) -> int:
        """Number of rows of *what* (a FROM clause with its conditions)."""
        row = self.fetch_one(f"SELECT COUNT(*) FROM {what}", *values)
        return int(row[0]) if row else 0

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all that the block does, or nothing of it."""
        with self._lock, self._translate_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Say what the database refuses in the user's words."""
        try:
            yield
        except sqlite3.OperationalError as error:
            text = str(error)
            if "full" in text or ("disk I/O" in text and _has_no_space(self._folder)):
                raise DiskFullError(
                    f"The disk of the data folder {self._folder} is full.",
                    hint="Free some space and run the same command again.",
                ) from error
            if "locked" in text:
                message, hint = "is in use by another curate", "Wait for the other command to end."
            else:
                message, hint = f"cannot be used ({text})", "Check the folder's permissions."
            raise StoreError(f"The data folder {self._folder} {message}.", hint=hint) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self._folder}/curate.sqlite is damaged or not a curate database ({error}).",
                hint="Restore it from a copy or choose another --data-dir folder.",
            ) from error
        except (NotADirectoryError, PermissionError, FileExistsError) as error:
            raise StoreError(
                f"The data folder {self._folder} cannot be made ({error.strerror}).",
                hint="Choose another one with --data-dir.",
            ) from error


def _has_no_space(folder: Path) -> bool:
    """Whether not even the database's shared memory finds room in *folder*."""
    return shutil.disk_usage(folder).free < _MIN_FREE_BYTES
