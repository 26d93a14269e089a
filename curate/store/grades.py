"""Grades of patches, by everything that they depend on."""

from curate.harness.grade import Grade
from curate.store.database import Database
from curate.store.serialization import dumps, loads

GradeKey = tuple[str, str, str]  # (instance id, hash of the patch, hash of all other inputs)


class Grades:
    """The table `grades`; what a run printed is in the blob store, under the key `log`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: GradeKey) -> tuple[Grade, str] | None:
        """Return a grade without its output, and the key of that; None if it is not known."""
        row = self._database.fetch_one(
            "SELECT data, log FROM grades WHERE instance_id = ? AND patch_hash = ?"
            " AND inputs_hash = ?",
            *key,
        )
        return (loads(Grade, row[0]), row[1]) if row else None

    def save(self, key: GradeKey, grade: Grade, log: str) -> None:
        """Save a grade, whose output is stored under *log*."""
        with self._database.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO grades VALUES (?, ?, ?, ?, ?)", (*key, dumps(grade), log)
            )
