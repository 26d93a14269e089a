"""What candidates of a group have made, for the next worker that gets one of them."""

from collections import defaultdict

from curate.store import Store
from curate.store.shared_rows import SharedRows


class GroupRows:
    """Keys of rows by group; a worker gets the rows once, with its first job of the group."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._locks: dict[str, set[str]] = defaultdict(set)
        self._failed_builds: dict[str, set[str]] = defaultdict(set)
        self._derived: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self._known: set[tuple[str, str]] = set()  # (group, worker)

    def note(self, group: str, rows: SharedRows) -> None:
        """Note that a job of *group* was done with *rows*, which are stored."""
        self._locks[group].update(rows.locks)
        self._failed_builds[group].update(rows.failed_builds)
        self._derived[group].update((kind, key) for kind, key, *_ in rows.derived)

    def take(self, group: str, worker: str) -> SharedRows:
        """Return what *worker* may lack for a job of *group*."""
        if (group, worker) in self._known:
            return SharedRows()
        self._known.add((group, worker))
        return self._store.shared_rows.read(
            locks=sorted(self._locks[group]),
            failed_builds=sorted(self._failed_builds[group]),
            derived=sorted(self._derived[group]),
        )
