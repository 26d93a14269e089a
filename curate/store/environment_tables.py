"""What candidates share: locks, and environments that are known not to build."""

from curate.builders.model import Failure, RequirementsLock
from curate.store.database import Database
from curate.store.serialization import dumps, loads


class EnvironmentTables:
    """The part of the store that concerns environments."""

    _database: Database

    def get_lock(self, key: str) -> RequirementsLock | None:
        """Return the stored lock for *key*; None if there is none."""
        row = self._database.fetch_one("SELECT data FROM locks WHERE key = ?", key)
        return loads(RequirementsLock, row[0]) if row else None

    def save_lock(self, key: str, lock: RequirementsLock) -> RequirementsLock:
        """Save a lock for all candidates that share its key; return the one saved first."""
        self._database.execute("INSERT OR IGNORE INTO locks VALUES (?, ?)", key, dumps(lock))
        return self.get_lock(key) or lock

    def get_failed_build(self, key: str) -> Failure | None:
        """Return why the environment *key* does not build; None if that is not known."""
        row = self._database.fetch_one("SELECT data FROM failed_builds WHERE key = ?", key)
        return loads(Failure, row[0]) if row else None

    def save_failed_build(self, key: str, failure: Failure) -> None:
        """Save why the environment *key* does not build, for all candidates that share it."""
        self._database.execute(
            "INSERT OR REPLACE INTO failed_builds VALUES (?, ?)", key, dumps(failure)
        )

    def forget_failed_builds(self) -> None:
        """Let all environments be built again that did not build."""
        self._database.execute("DELETE FROM failed_builds")
