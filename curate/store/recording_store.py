"""A store that notes which shared rows are read or written through it.

A worker of a cluster works in a store of its own. With a result it returns the rows that were used
for it, so that other stores can take both.
"""

from collections.abc import Iterable
from pathlib import Path

from curate.builders.model import Failure, RequirementsLock
from curate.store.blobs import BlobStore
from curate.store.database import Database
from curate.store.derived import DerivedTable, Entry
from curate.store.shared_rows import SharedRows
from curate.store.store import Store


class RecordingStore(Store):
    """The store of a folder; others may have the same folder open."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        database = self._database
        self._locks: set[str] = set()
        self._failed_builds: set[str] = set()
        self._blobs: set[str] = set()
        self._derived: set[tuple[str, str]] = set()
        self.blobs = _RecordingBlobs(folder / "blobs", database, self._blobs)
        self.derived = _RecordingDerived(database, self._derived)

    def used_rows(self, blobs: Iterable[str] = ()) -> SharedRows:
        """Return all rows that were noted, and further *blobs*; "" is none."""
        return self.shared_rows.read(
            locks=sorted(self._locks),
            failed_builds=sorted(self._failed_builds),
            derived=sorted(self._derived),
            blobs=sorted(self._blobs.union(filter(None, blobs))),
        )

    def get_lock(self, key: str) -> RequirementsLock | None:
        """Return the stored lock for *key*; None if there is none."""
        self._locks.add(key)
        return super().get_lock(key)

    def get_failed_build(self, key: str) -> Failure | None:
        """Return why the environment *key* does not build; None if that is not known."""
        self._failed_builds.add(key)
        return super().get_failed_build(key)


class _RecordingBlobs(BlobStore):
    """Notes the keys of what is put."""

    def __init__(self, folder: Path, database: Database, noted: set[str]) -> None:
        super().__init__(folder, database)
        self._noted = noted

    def put(self, content: bytes) -> str:
        key = super().put(content)
        self._noted.add(key)
        return key


class _RecordingDerived(DerivedTable):
    """Notes kind and key of what is saved or found."""

    def __init__(self, database: Database, noted: set[tuple[str, str]]) -> None:
        super().__init__(database)
        self._noted = noted

    def get(self, kind: str, key: str, inputs: str) -> bytes | None:
        self._noted.add((kind, key))
        return super().get(kind, key, inputs)

    def save(self, kind: str, entries: Iterable[Entry]) -> None:
        rows = list(entries)
        self._noted.update((kind, key) for key, *_ in rows)
        super().save(kind, rows)
