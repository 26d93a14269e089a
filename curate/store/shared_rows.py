"""Rows that candidates share, as they are stored: taken from one store and put into another."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import ConfigDict

from curate.store.blobs import BlobStore
from curate.store.database import Database

DerivedEntry = tuple[str, str, str, bytes]  # (kind, key, inputs, data)


@dataclass(frozen=True, kw_only=True)
class SharedRows:
    """Locks and failed builds by key, entries of derived data, and contents of blobs."""

    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    locks: dict[str, bytes] = field(default_factory=dict)
    failed_builds: dict[str, bytes] = field(default_factory=dict)
    derived: tuple[DerivedEntry, ...] = ()
    blobs: tuple[bytes, ...] = ()


class SharedRowTables:
    """Reads and writes `SharedRows`; derived data is only read, as its kinds merge differently."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def read_all(self, derived_kinds: Iterable[str] = ()) -> SharedRows:
        """Return all locks and failed builds, and the derived data of *derived_kinds*."""
        fetch = self._database.fetch_all
        query = "SELECT kind, key, inputs, data FROM derived WHERE kind = ? ORDER BY key"
        return SharedRows(
            locks=dict(fetch("SELECT key, data FROM locks ORDER BY key")),
            failed_builds=dict(fetch("SELECT key, data FROM failed_builds ORDER BY key")),
            derived=tuple(row for kind in derived_kinds for row in fetch(query, kind)),
        )

    def read(
        self,
        *,
        locks: Iterable[str] = (),
        failed_builds: Iterable[str] = (),
        derived: Iterable[tuple[str, str]] = (),
        blobs: Iterable[str] = (),
    ) -> SharedRows:
        """Return those that exist of the *locks* and *failed_builds* of these keys, and so on.

        *derived* is pairs of kind and key; *blobs* must exist.
        """
        query = "SELECT kind, key, inputs, data FROM derived WHERE kind = ? AND key = ?"
        return SharedRows(
            locks=self._read_table("locks", locks),
            failed_builds=self._read_table("failed_builds", failed_builds),
            derived=tuple(row for it in derived for row in self._database.fetch_all(query, *it)),
            blobs=tuple(map(self._blobs.get, blobs)),
        )

    def save(self, rows: SharedRows) -> None:
        """Save locks, failed builds and blobs; of a lock that is stored already, that one stays."""
        for content in rows.blobs:
            self._blobs.put(content)
        with self._database.transaction() as database:
            for table in ("locks", "failed_builds"):
                database.executemany(
                    f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", getattr(rows, table).items()
                )

    def _read_table(self, table: str, keys: Iterable[str]) -> dict[str, bytes]:
        query = (
            f"SELECT t.key, t.data FROM json_each(?) AS wanted"
            f" CROSS JOIN {table} t ON t.key = wanted.value"
        )
        return dict(self._database.fetch_all(query, json.dumps(list(keys))))
