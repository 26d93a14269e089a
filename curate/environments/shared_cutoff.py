"""The cutoff of the lock that a candidate shares with others: a function of git history alone.

Locks of the exact date would almost never be equal, as some package is released every day. So time
is divided into periods of 60 days, the same for all repositories. The lock is resolved as of the
first day of the period, or as of the commit that made the requirements what they are, if that is
later: older packages may not satisfy them. So candidates of one period with the same requirements
have the same cutoff, whichever is validated first and whatever was validated before.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from posixpath import dirname

from curate.builders.git.tree import FileTree, GitTree
from curate.builders.model import Failure
from curate.builders.requirements import Manifest, read_manifest
from curate.git.first_parents import FileChange, iter_first_parents
from curate.recipes.schema import RequirementSources

PERIOD = timedelta(days=60)
"""Least upper bound of the time between a shared cutoff and the date of its candidate."""

_FIRST_PERIOD = datetime(2000, 1, 1, tzinfo=UTC)


class RecordingTree:
    """The files of a commit; remembers which of them were read, also those that do not exist."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._paths: set[str] = set()
        self._folders: set[str] = set()

    def read(self, path: str) -> bytes | None:
        """Return the content of *path*, or None if there is no such file."""
        self._paths.add(path)
        return self._tree.read(path)

    def list_names(self, folder: str = "") -> tuple[str, ...]:
        """Return the sorted names of the files directly in *folder*; () if it is missing."""
        self._folders.add(folder.strip("/"))
        return self._tree.list_names(folder)

    def record(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the paths that were read and the folders that were listed, both sorted."""
        return tuple(sorted(self._paths)), tuple(sorted(self._folders))

    def has_read(self, change: FileChange) -> bool:
        """Whether what was read would have been different without *change*."""
        is_listed = change.kind != "M" and dirname(change.path) in self._folders
        return is_listed or change.path in self._paths


def start_of_period(date: datetime) -> datetime:
    """Return the first moment of the period of *date* (time-zone aware)."""
    return _FIRST_PERIOD + (date - _FIRST_PERIOD) // PERIOD * PERIOD


def find_shared_cutoff(
    mirror: Path, tree: GitTree, sources: RequirementSources, date: datetime
) -> datetime:
    """Return the cutoff of the shared lock for the requirements that *tree* declares in *sources*.

    It is at most *date*, and less than `PERIOD` before it.
    """
    start = start_of_period(date)
    return min(max(start, _find_origin(mirror, tree, sources, start)), date)


def _find_origin(
    mirror: Path, tree: GitTree, sources: RequirementSources, earliest: datetime
) -> datetime:
    """Return since when the first parents of *tree*'s commit declare what it declares.

    Walks back no further than to *earliest*, and returns that if there was no change since. What
    a shallow mirror has cut off counts as if it had declared something else.
    """
    recorded, key = _read_key(tree, sources)
    for step in iter_first_parents(mirror, tree.commit, earliest):
        if not any(map(recorded.has_read, step.changes)):
            continue
        if not step.parent:
            return step.date
        with GitTree(mirror, step.parent) as parent:
            recorded, parent_key = _read_key(parent, sources)
        if parent_key != key:
            return step.date
    return earliest


def _read_key(tree: GitTree, sources: RequirementSources) -> tuple[RecordingTree, str]:
    """Return what was read of *tree*, and the key of its manifest; "" if it declares nothing."""
    recorded = RecordingTree(tree)
    manifest: Manifest | Failure = read_manifest(recorded, sources)
    return recorded, "" if isinstance(manifest, Failure) else manifest.key
