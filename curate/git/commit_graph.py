"""The commit graph of a mirror in memory: merge-bases and ranges without a process per query."""

import heapq
from array import array
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from curate.builders.git.run import git_fields
from curate.builders.text import decode_storable

_LEFT, _RIGHT, _STALE = 1, 2, 4
_HEADER = "%ct %at %H %P"
_MESSAGE_LIMIT = 64 << 10  # bytes; the message of a squashed history can have megabytes
_LAST_SECOND = 253402300799  # end of the year 9999, the maximum of datetime


@dataclass(frozen=True, kw_only=True)
class MergeBase:
    """The newest merge-base of two commits, and the commits that only the second one has.

    *ahead* is `left..right`, children before parents.
    """

    commit: str
    ahead: tuple[str, ...]


class CommitGraph:
    """Parents, generations, times and messages of all commits reachable from any ref."""

    def __init__(self, records: Iterable[bytes]) -> None:
        """*records* alternate headers (`_HEADER`) and messages, parents before children."""
        self._index: dict[str, int] = {}
        self._names: list[str] = []
        self._parents: list[tuple[int, ...]] = []
        self._generation = array("l")
        self._time = array("q")
        self._authored = array("q")
        self._messages: list[bytes] = []
        source = iter(records)
        for header, message in zip(source, source, strict=False):
            self._add_commit(header.decode("ascii").split(" "), message)

    @classmethod
    def read(cls, path: Path) -> "CommitGraph":
        """Read the graph of the bare repository *path*; raises `GitCommandError`."""
        what = ("--all", "--topo-order", "--reverse", "--no-show-signature", "--encoding=UTF-8")
        return cls(git_fields(path, "log", "-z", f"--format={_HEADER}%x00%B", *what))

    def __contains__(self, commit: object) -> bool:
        return commit in self._index

    def __len__(self) -> int:
        return len(self._names)

    def first_parent(self, commit: str) -> str | None:
        """First parent of a known commit; None for a root."""
        parents = self._parents[self._index[commit]]
        return self._names[parents[0]] if parents else None

    def commit_time(self, commit: str) -> int:
        """Committer date of a known commit, in Unix seconds."""
        return self._time[self._index[commit]]

    def parents(self, commit: str) -> tuple[str, ...]:
        """Those parents of a known commit that are in the mirror."""
        return tuple(self._names[node] for node in self._parents[self._index[commit]])

    def message(self, commit: str) -> str:
        """Message of a commit; "" for an unknown one."""
        node = self._index.get(commit)
        return "" if node is None else decode_storable(self._messages[node])

    def authored_at(self, commit: str) -> datetime:
        """Author date of a known commit."""
        seconds = self._authored[self._index[commit]]
        return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC)

    def is_ancestor(self, commit: str, ancestor: str) -> bool:
        """Whether *ancestor* is the known *commit* itself or an ancestor of it."""
        merge_base = self.merge_base(commit, ancestor)
        return merge_base is not None and not merge_base.ahead

    def merge_base(self, left: str, right: str) -> MergeBase | None:
        """Merge-base of two known commits, as in `git diff left...right`; None if unrelated.

        Visiting by generation makes the walk exact: a commit is visited after all its
        descendants, so its flags are final by then. Of several merge-bases git takes the newest.
        """
        start = self._index[left], self._index[right]
        marks = {start[0]: _LEFT}
        marks[start[1]] = marks.get(start[1], 0) | _RIGHT
        generation, parents_of = self._generation, self._parents
        queue = [(-generation[node], node) for node in marks]
        heapq.heapify(queue)
        open_count = len(queue)
        bases: list[int] = []
        right_only: list[int] = []
        while open_count:  # queued nodes that are not stale
            node = heapq.heappop(queue)[1]
            mark = marks[node]
            if not mark & _STALE:
                open_count -= 1
                if mark == _LEFT | _RIGHT:
                    bases.append(node)
                    mark |= _STALE
                elif mark == _RIGHT:
                    right_only.append(node)
            for parent in parents_of[node]:
                before = marks.get(parent)
                if before is None:
                    marks[parent] = mark
                    heapq.heappush(queue, (-generation[parent], parent))
                    open_count += not mark & _STALE
                elif before | mark != before:
                    marks[parent] = before | mark
                    open_count -= mark & _STALE and not before & _STALE
        if not bases:
            return None
        newest = max(bases, key=lambda node: self._time[node])
        return MergeBase(
            commit=self._names[newest], ahead=tuple([self._names[node] for node in right_only])
        )

    def describe(self, commit: str, tagged: Container[str]) -> str | None:
        """Nearest of *tagged* reachable from a known commit, as `git describe` counts distance.

        Of two at the same distance the one with the longer history wins. Commits are visited
        after all their descendants, so a commit reachable from another candidate is not one
        itself.
        """
        queue = [(-self._generation[start := self._index[commit]], start)]
        covered = {start: 0}  # bit set of the candidates from which a commit is reachable
        found: list[int] = []
        distance: list[int] = []
        everything, visited = 0, 0
        while any(covered[node] != everything or not found for _, node in queue):
            node = heapq.heappop(queue)[1]
            mark = covered.pop(node)
            if not mark and self._names[node] in tagged:
                mark = 1 << len(found)
                found.append(node)
                distance.append(visited)
                everything |= mark
            visited += 1
            for bit in range(len(found)):
                distance[bit] += not mark >> bit & 1
            for parent in self._parents[node]:
                if parent not in covered:
                    heapq.heappush(queue, (-self._generation[parent], parent))
                covered[parent] = covered.get(parent, 0) | mark
        nearest = min(range(len(found)), key=distance.__getitem__, default=None)
        return None if nearest is None else self._names[found[nearest]]

    def _add_commit(self, header: Sequence[str], message: bytes) -> None:
        time, authored, name, *parents = header
        index, generation = self._index, self._generation
        known = tuple([index[parent] for parent in parents if parent in index])
        index[name] = len(generation)
        self._names.append(name)
        self._parents.append(known)
        generation.append(1 + max([generation[node] for node in known], default=0))
        self._time.append(int(time))
        self._authored.append(int(authored or time))
        self._messages.append(message[:_MESSAGE_LIMIT])
