"""What a merge needs of the store: another one beside it, and what was set aside."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from curate.core.model import Validation
from curate.store.database import Database
from curate.store.serialization import loads
from curate.store.verdicts import REASON, STAGE, SetAside, read_set_aside


class MergeTables:
    """The part of the store that concerns merges."""

    _database: Database

    @contextmanager
    def attached(self, uri: str) -> Iterator[sqlite3.Connection]:
        """Attach the database of another store as `source`, in one transaction of both."""
        with self._database.attached(uri), self._database.transaction() as database:
            yield database

    def list_set_aside(self) -> list[SetAside]:
        """Return the instances whose validations contradict each other, by instance id."""
        query = "SELECT data FROM validations WHERE stage = ? AND reason = ? ORDER BY instance_id"
        rows = self._database.fetch_all(query, STAGE, REASON)
        found = (read_set_aside(loads(Validation, row[0])) for row in rows)
        return [aside for aside in found if aside]
