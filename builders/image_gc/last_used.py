"""Last use of each environment, and whether it is in use: one empty lock file per environment.

The modification time of the file is the time of the last use. A user of an environment holds a
shared lock of its file, which the system releases when the process ends. Removing the environment
needs the exclusive lock.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO

from curate.builders.process.digest import content_hash


class EnvironmentLeases:
    """Leases of environments among all processes with the same *folder*; safe for threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[str, list[IO[str]]] = {}
        self._lock = Lock()

    def acquire(self, user: str, environment: str) -> None:
        """Lease *environment* to *user* until `release`; waits while it is being removed."""
        file = self._open_lease(environment)
        fcntl.flock(file, fcntl.LOCK_SH)
        os.utime(file.fileno())
        with self._lock:
            self._held.setdefault(user, []).append(file)

    def release(self, user: str) -> None:
        """End all leases of *user*."""
        with self._lock:
            files = self._held.pop(user, [])
        for file in files:
            os.utime(file.fileno())
            file.close()

    def last_use(self, environment: str) -> float:
        """Return the time of the last use in seconds since the epoch; 0 if none is known."""
        try:
            return self._lease_path(environment).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    @contextmanager
    def try_exclusive(self, environment: str) -> Iterator[bool]:
        """Yield whether nobody uses *environment*; if so, nobody can until the block ends."""
        if not self._lease_path(environment).exists():
            yield True
            return
        with self._open_lease(environment) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _open_lease(self, environment: str) -> IO[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self._lease_path(environment).open("a")

    def _lease_path(self, environment: str) -> Path:
        return self.folder / content_hash(environment)
