"""Results of running evaluation scripts in their images, as clients do."""

from collections.abc import Mapping

from curate.store.database import Database

EvalCheckKey = tuple[str, str]  # (id of the local image, hash of all other inputs)


class EvalChecks:
    """The table `eval_checks`: a problem by image and inputs; "" if there is none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Mapping[EvalCheckKey, str]:
        """Return all results."""
        rows = self._database.fetch_all("SELECT image, inputs_hash, problem FROM eval_checks")
        return {(row[0], row[1]): row[2] for row in rows}

    def save(self, key: EvalCheckKey, problem: str) -> None:
        """Save one result."""
        with self._database.transaction() as database:
            database.execute("INSERT OR REPLACE INTO eval_checks VALUES (?, ?, ?)", (*key, problem))
