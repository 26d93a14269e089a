"""Candidates that a person keeps out of every release, with the reason."""

from collections.abc import Iterable
from datetime import datetime

from curate.core.model import ManualExclusion
from curate.store.database import Database


class ManualExclusions:
    """Judgements of people, by instance id; crawls and validations leave them alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read_all(self) -> dict[str, ManualExclusion]:
        """Return all exclusions by instance id, sorted by it."""
        query = "SELECT instance_id, reason, author, excluded_at FROM manual_exclusions ORDER BY 1"
        return {
            row[0]: ManualExclusion(
                instance_id=row[0],
                reason=row[1],
                author=row[2],
                excluded_at=datetime.fromisoformat(row[3]),
            )
            for row in self._database.fetch_all(query)
        }

    def save(self, exclusions: Iterable[ManualExclusion]) -> None:
        """Save *exclusions* in one transaction, each replacing an earlier one of its instance."""
        rows = [(e.instance_id, e.reason, e.author, e.excluded_at.isoformat()) for e in exclusions]
        with self._database.transaction() as database:
            statement = "INSERT OR REPLACE INTO manual_exclusions VALUES (?, ?, ?, ?)"
            database.executemany(statement, rows)

    def delete(self, ids: Iterable[str]) -> None:
        """Delete the exclusions of *ids* in one transaction."""
        with self._database.transaction() as database:
            statement = "DELETE FROM manual_exclusions WHERE instance_id = ?"
            database.executemany(statement, [(name,) for name in ids])
