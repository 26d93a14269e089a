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
from curate.patches.stats import HunkLines, iter_hunks, source_file_patches
from curate.publish.measures.benchmark_overlap import compute_patch_hash
from curate.publish.measures.solution_leaks import distinctive_lines

MAX_SHARED_ISSUES = 5  # a pull that closes more gathers the work of others and belongs to no group
MIN_SHARED_LINES = 5  # telling lines that two patches share to be of one group
MIN_SHOWN_FRACTION = (
    0.8  # of the telling lines that a patch adds: another that shows so many is of its group
)


def compute_leak_groups(candidates: Iterable[Candidate]) -> dict[str, str]:
    """Group by instance id: the id of the group's pull with the lowest number.

    Who shares with nobody is a group of one; who gathers others' work (a release, a merge of
    branches) would tie all of them together and is left out. *candidates* should be all that are
    known, whatever became of them: else the groups would depend on which were verified.
    """
    groups, fingerprints = _UnionFind(), {}
    for one in (it for it in candidates if len(it.issue_links) <= MAX_SHARED_ISSUES):
        hunks = [hunk for part in source_file_patches(one.patch) for hunk in iter_hunks(part)]
        fingerprints[one.instance_id] = fingerprint = _make_fingerprint(one, hunks)
        for key in _group_keys(one, hunks):
            groups.union(fingerprint.pull, key)
    for name, other in _find_showing_pairs(fingerprints):
        groups.union(fingerprints[name].pull, fingerprints[other].pull)
    members: dict[Hashable, list[str]] = defaultdict(list)
    for name, fingerprint in fingerprints.items():
        members[groups.find(fingerprint.pull)].append(name)
    first = {
        root: min(names, key=lambda name: fingerprints[name].age) for root, names in members.items()
    }
    return {
        name: first[groups.find(fingerprint.pull)] for name, fingerprint in fingerprints.items()
    }


@dataclass(frozen=True, kw_only=True)
class _Fingerprint:
    """What is kept of a candidate to compare it with others; lines are known by their hashes."""

    pull: tuple[str, int]
    added_lines: frozenset[int]
    shown_lines: frozenset[int]

    @property
    def age(self) -> tuple[int, str]:
        return self.pull[1], self.pull[0]


def _make_fingerprint(candidate: Candidate, hunks: Sequence[HunkLines]) -> _Fingerprint:
    repo = candidate.repo
    added, shown = (
        frozenset(
            hash((repo, line)) for hunk in hunks for line in distinctive_lines(hunk, prefixes)
        )
        for prefixes in (b"+", b" -")
    )
    return _Fingerprint(
        pull=(repo, candidate.pull_number), added_lines=added - shown, shown_lines=shown
    )


def _group_keys(candidate: Candidate, hunks: Sequence[HunkLines]) -> Iterator[Hashable]:
    """Things whose owners are of one group with *candidate*."""
    yield from ((candidate.repo, n) for n in (*candidate.reverts, *candidate.reverted_by))
    yield from (("issue", link.repo, link.number) for link in candidate.issue_links)
    if change := compute_patch_hash(candidate.patch):
        yield "patch", change
    for hunk in hunks:
        lines = sorted(distinctive_lines(hunk, b"+"))
        if len(lines) >= MIN_SHARED_LINES:
            yield "hunk", hash(tuple(lines))


def _find_showing_pairs(fingerprints: Mapping[str, _Fingerprint]) -> Iterator[tuple[str, str]]:
    """Pairs of which the first shows what the second adds."""
    authors: dict[int, list[str]] = defaultdict(list)
    for name, fingerprint in fingerprints.items():
        for line in (
            fingerprint.added_lines if len(fingerprint.added_lines) >= MIN_SHARED_LINES else ()
        ):
            authors[line].append(name)
    for name, fingerprint in fingerprints.items():
        seen = Counter(other for line in fingerprint.shown_lines for other in authors.get(line, ()))
        for other, count in seen.items():
            if other != name and count >= max(
                MIN_SHARED_LINES, MIN_SHOWN_FRACTION * len(fingerprints[other].added_lines)
            ):
                yield name, other


class _UnionFind:
    """Things that belong together, as trees of which each has a root (union-find)."""

    def __init__(self) -> None:
        self._parents: dict[Hashable, Hashable] = {}

    def find(self, thing: Hashable) -> Hashable:
        """What stands for all that belongs to *thing*."""
        while (parents := self._parents.setdefault(thing, thing)) != thing:
            self._parents[thing] = self._parents[parents]
            thing = parents
        return thing

    def union(self, one: Hashable, other: Hashable) -> None:
        """Let two things belong together."""
        self._parents[self.find(other)] = self.find(one)
