"""Which candidates may tell each other's answer, as groups that a split must not part.

That a later base holds an earlier fix is true of most pairs of a repository, and no ground.
Grounds are: they close the same issue; one takes the other back; they make the same change or share
a hunk; or the patch of one shows, in what it removes or leaves around its changes, nearly all that
the other adds: its base has that fix at the very place where it works.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from curate.core.model import Candidate
from curate.patches.stats import Hunk, hunks, source_sections
from curate.publish.measures.benchmark_overlap import patch_hash
from curate.publish.measures.solution_leaks import told

MOST_ISSUES = 5  # a pull that closes more gathers the work of others and belongs to no group
LEAST_SHARED = 5  # telling lines that two patches share to be of one group
SHOWN = 0.8  # of the telling lines that a patch adds: another that shows so many is of its group


def leak_groups(candidates: Iterable[Candidate]) -> dict[str, str]:
    """Group by instance id: the id of the group's pull with the lowest number.

    Who shares with nobody is a group of one; who gathers others' work (a release, a merge of
    branches) would tie all of them together and is left out. *candidates* should be all that are
    known, whatever became of them: else the groups would depend on which were verified.
    """
    ties, marks = _Ties(), {}
    for one in (it for it in candidates if len(it.links) <= MOST_ISSUES):
        every = [hunk for part in source_sections(one.patch) for hunk in hunks(part)]
        marks[one.instance_id] = mark = _mark(one, every)
        for key in _keys(one, every):
            ties.join(mark.pull, key)
    for name, other in _showing(marks):
        ties.join(marks[name].pull, marks[other].pull)
    members: dict[Hashable, list[str]] = defaultdict(list)
    for name, mark in marks.items():
        members[ties.root(mark.pull)].append(name)
    first = {root: min(them, key=lambda name: marks[name].age) for root, them in members.items()}
    return {name: first[ties.root(mark.pull)] for name, mark in marks.items()}


@dataclass(frozen=True, kw_only=True)
class _Mark:
    """What is kept of a candidate to compare it with others; lines are known by their hashes."""

    pull: tuple[str, int]
    added: frozenset[int]
    shown: frozenset[int]

    @property
    def age(self) -> tuple[int, str]:
        return self.pull[1], self.pull[0]


def _mark(candidate: Candidate, every: Sequence[Hunk]) -> _Mark:
    repo = candidate.repo
    added, shown = (
        frozenset(hash((repo, line)) for hunk in every for line in told(hunk, marks))
        for marks in (b"+", b" -")
    )
    return _Mark(pull=(repo, candidate.pull_number), added=added - shown, shown=shown)


def _keys(candidate: Candidate, every: Sequence[Hunk]) -> Iterator[Hashable]:
    """Things whose owners are of one group with *candidate*."""
    yield from ((candidate.repo, n) for n in (*candidate.reverts, *candidate.reverted_by))
    yield from (("issue", link.repo, link.number) for link in candidate.links)
    if change := patch_hash(candidate.patch):
        yield "patch", change
    for hunk in every:
        lines = sorted(told(hunk, b"+"))
        if len(lines) >= LEAST_SHARED:
            yield "hunk", hash(tuple(lines))


def _showing(marks: Mapping[str, _Mark]) -> Iterator[tuple[str, str]]:
    """Pairs of which the first shows what the second adds."""
    authors: dict[int, list[str]] = defaultdict(list)
    for name, mark in marks.items():
        for line in mark.added if len(mark.added) >= LEAST_SHARED else ():
            authors[line].append(name)
    for name, mark in marks.items():
        seen = Counter(other for line in mark.shown for other in authors.get(line, ()))
        for other, count in seen.items():
            if other != name and count >= max(LEAST_SHARED, SHOWN * len(marks[other].added)):
                yield name, other


class _Ties:
    """Things that belong together, as trees of which each has a root (union-find)."""

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def root(self, thing: Hashable) -> Hashable:
        """What stands for all that belongs to *thing*."""
        while (above := self._above.setdefault(thing, thing)) != thing:
            self._above[thing] = self._above[above]
            thing = above
        return thing

    def join(self, one: Hashable, other: Hashable) -> None:
        """Let two things belong together."""
        self._above[self.root(other)] = self.root(one)
