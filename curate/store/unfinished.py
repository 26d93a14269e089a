"""Finished steps of unfinished validations, so that an interrupted one goes on where it was."""

from typing import TypeVar

from curate.store.database import Database
from curate.store.serialization import dumps, loads

T = TypeVar("T")

_INPUTS = "inputs"  # step whose data is the hash of the validation's inputs


class UnfinishedSteps:
    """Results of steps by instance id and a key that names everything they depend on.

    They are deleted when the validation is stored, or begun again with other inputs.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, instance_id: str, inputs_hash: str) -> None:
        """Keep the steps of this instance if they have the same inputs, else delete them."""
        where = "unfinished WHERE instance_id = ? AND step = ? AND data = ?"
        inputs = inputs_hash.encode()
        if self._database.count_rows(where, instance_id, _INPUTS, inputs):
            return
        with self._database.transaction() as database:
            database.execute("DELETE FROM unfinished WHERE instance_id = ?", (instance_id,))
            database.execute(
                "INSERT INTO unfinished VALUES (?, ?, ?)", (instance_id, _INPUTS, inputs)
            )

    def get(self, kind: type[T], instance_id: str, step: str) -> T | None:
        """Return the result of a step, of type *kind*; None if it has not finished."""
        row = self._database.fetch_one(
            "SELECT data FROM unfinished WHERE instance_id = ? AND step = ?", instance_id, step
        )
        return loads(kind, row[0]) if row else None

    def save(self, instance_id: str, step: str, result: object) -> None:
        """Save the result of a step that has finished."""
        self._database.execute(
            "INSERT OR REPLACE INTO unfinished VALUES (?, ?, ?)", instance_id, step, dumps(result)
        )
