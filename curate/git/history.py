"""The commit graph of a mirror in memory: merge-bases and ranges without a process each."""

import heapq
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.git.command import output

_OURS, _THEIRS, _STALE = 1, 2, 4


@dataclass(frozen=True, kw_only=True)
class Fork:
    """Where two commits parted: *base* (the newest merge-base) and what only *theirs* has.

    *commits* is `ours..theirs`, children before parents.
    """

    base: str
    commits: tuple[str, ...]


class History:
    """Parents, generations and committer times of every commit some ref of a mirror reaches."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        """*lines* are `<time> <commit> <parent>...`, parents before children."""
        self._index: dict[str, int] = {}
        self._names: list[str] = []
        self._parents: list[tuple[int, ...]] = []
        self._generation = array("l")
        self._time = array("q")
        for line in lines:
            time, name, *parents = line.decode().split()
            self._add(int(time), name, parents)

    @classmethod
    def of(cls, path: Path) -> "History":
        """Read the graph of the bare repository *path*; raises `GitFailed`."""
        arguments = ("rev-list", "--all", "--parents", "--timestamp", "--topo-order", "--reverse")
        return cls(output(path, *arguments).splitlines())

    def __contains__(self, commit: object) -> bool:
        return commit in self._index

    def __len__(self) -> int:
        return len(self._names)

    def first_parent(self, commit: str) -> str | None:
        """First parent of a known commit; None for a root."""
        parents = self._parents[self._index[commit]]
        return self._names[parents[0]] if parents else None

    def fork(self, ours: str, theirs: str) -> Fork | None:
        """Where *theirs* left *ours*, as `git diff ours...theirs` sees it; None if unrelated.

        Generations make the walk exact: a commit is reached after everything that descends from
        it, so its marks are final then. Of several merge-bases git takes the newest.
        """
        start = self._index[ours], self._index[theirs]
        marks = {start[0]: _OURS}
        marks[start[1]] = marks.get(start[1], 0) | _THEIRS
        queue = [(-self._generation[node], node) for node in marks]
        heapq.heapify(queue)
        fresh = len(queue)
        bases: list[int] = []
        own: list[int] = []
        while fresh:
            node = heapq.heappop(queue)[1]
            mark = marks[node]
            if not mark & _STALE:
                fresh -= 1
                if mark == _OURS | _THEIRS:
                    bases.append(node)
                    mark |= _STALE
                elif mark == _THEIRS:
                    own.append(node)
            for parent in self._parents[node]:
                fresh += self._mark(parent, mark, marks, queue)
        if not bases:
            return None
        newest = max(bases, key=lambda node: self._time[node])
        return Fork(base=self._names[newest], commits=tuple(self._names[node] for node in own))

    def _mark(
        self, node: int, mark: int, marks: dict[int, int], queue: list[tuple[int, int]]
    ) -> int:
        """Hand *mark* down to *node*; by how much the number of fresh nodes in line changes."""
        before = marks.get(node)
        if before is None:
            marks[node] = mark
            heapq.heappush(queue, (-self._generation[node], node))
            return 0 if mark & _STALE else 1
        marks[node] = before | mark
        return -1 if mark & _STALE and not before & _STALE else 0

    def _add(self, time: int, name: str, parents: Sequence[str]) -> None:
        known = tuple(self._index[parent] for parent in parents if parent in self._index)
        self._index[name] = len(self._names)
        self._names.append(name)
        self._parents.append(known)
        self._generation.append(1 + max((self._generation[node] for node in known), default=0))
        self._time.append(time)
