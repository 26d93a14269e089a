"""Leak groups: candidates that may reveal each other's solution and must stay in one split.

Two candidates are in one group if they close the same issue, one reverts the other, they make the
same change or share a hunk, or the removed and context lines of one patch contain nearly all lines
that the other adds: its base then has that fix exactly where it makes its own changes. That a later
base contains an earlier fix is true for most pairs of a repository and is not sufficient.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from curate.core.model import Candidate
from curate.patches.stats import HunkLines, iter_hunks, source_file_patches
from curate.publish.measures.benchmark_overlap import compute_patch_hash
from curate.publish.measures.solution_leaks import distinctive_lines

MAX_SHARED_ISSUES = 5  # a PR that closes more collects others' work and is in no group
MIN_SHARED_LINES = 5  # minimum of shared distinctive lines that join two patches
MIN_SHOWN_FRACTION = 0.8  # share of a patch's added distinctive lines that another must show


def compute_leak_groups(candidates: Iterable[Candidate]) -> dict[str, str]:
    """Return the leak group by instance id: the id of its PR with the lowest number.

    A candidate related to no other is a group of its own. One that collects others' work (a
    release, a merge of branches) would join all of them and is left out. *candidates* should be
    all candidates, whether verified or not; else groups would depend on which were verified.
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
    """Data for comparing a candidate with others; lines are represented by their hashes."""

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
    """Yield keys; candidates that share a key are in one group."""
    yield from ((candidate.repo, n) for n in (*candidate.reverts, *candidate.reverted_by))
    yield from (("issue", link.repo, link.number) for link in candidate.issue_links)
    if change := compute_patch_hash(candidate.patch):
        yield "patch", change
    for hunk in hunks:
        lines = sorted(distinctive_lines(hunk, b"+"))
        if len(lines) >= MIN_SHARED_LINES:
            yield "hunk", hash(tuple(lines))


def _find_showing_pairs(fingerprints: Mapping[str, _Fingerprint]) -> Iterator[tuple[str, str]]:
    """Yield pairs of which the first shows nearly all lines that the second adds."""
    names_by_line: dict[int, list[str]] = defaultdict(list)
    for name, fingerprint in fingerprints.items():
        for line in (
            fingerprint.added_lines if len(fingerprint.added_lines) >= MIN_SHARED_LINES else ()
        ):
            names_by_line[line].append(name)
    for name, fingerprint in fingerprints.items():
        shown_counts = Counter(
            other for line in fingerprint.shown_lines for other in names_by_line.get(line, ())
        )
        for other, count in shown_counts.items():
            if other != name and count >= max(
                MIN_SHARED_LINES, MIN_SHOWN_FRACTION * len(fingerprints[other].added_lines)
            ):
                yield name, other


class _UnionFind:
    """Disjoint sets of keys."""

    def __init__(self) -> None:
        self._parents: dict[Hashable, Hashable] = {}

    def find(self, key: Hashable) -> Hashable:
        """Return the representative of the set of *key*."""
        while (parent := self._parents.setdefault(key, key)) != key:
            self._parents[key] = self._parents[parent]
            key = parent
        return key

    def union(self, one: Hashable, other: Hashable) -> None:
        """Merge the sets of two keys."""
        self._parents[self.find(other)] = self.find(one)
