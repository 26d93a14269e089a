"""Leak groups: candidates that may reveal each other's solution and must stay in one split.

Two candidates are in one group if they close the same issue, one reverts the other, they make the
same change or share a hunk, or the removed and context lines of one patch contain nearly all lines
that the other adds: its base then has that fix exactly where it makes its own changes. That a later
base contains an earlier fix is true for most pairs of a repository and is not sufficient.

A candidate is compared by its fingerprint, which depends on nothing else and can be stored.
"""

import hashlib
import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from curate.core.model import Candidate
from curate.patches.stats import list_source_hunks
from curate.publish.measures.benchmark_overlap import compute_patch_hash
from curate.publish.measures.solution_leaks import distinctive_lines

MAX_SHARED_ISSUES = 5  # a PR that closes more collects others' work and is in no group
MIN_SHARED_LINES = 5  # minimum of shared distinctive lines that join two patches
MIN_SHOWN_FRACTION = 0.8  # share of a patch's added distinctive lines that another must show


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Data for comparing a candidate with others; keys and lines are 64-bit hashes."""

    instance_id: str
    repo: str
    number: int
    highest_number: int  # highest issue or PR number of the repository that it names
    collects_others: bool  # whether it is in no group
    keys: Sequence[int]  # candidates that share one are in one group; the first is its own
    added_lines: Sequence[int]
    shown_lines: Sequence[int]

    def pack(self) -> bytes:
        """Return the bytes that `unpack_fingerprint` reads."""
        hashes = (self.keys, self.added_lines, self.shown_lines)
        head = {**vars(self), **_NO_HASHES, "lengths": [len(each) for each in hashes]}
        packed = b"".join(array("Q", each).tobytes() for each in hashes)
        return json.dumps(head).encode() + b"\n" + packed


_NO_HASHES = {"keys": None, "added_lines": None, "shown_lines": None}


def unpack_fingerprint(packed: bytes) -> Fingerprint:
    """Return the fingerprint that `Fingerprint.pack` packed."""
    head, _, hashes = packed.partition(b"\n")
    fields, numbers, start = json.loads(head), array("Q"), 0
    numbers.frombytes(hashes)
    for name, length in zip(_NO_HASHES, fields.pop("lengths"), strict=True):
        fields[name] = numbers[start : start + length]
        start += length
    return Fingerprint(**fields)


def make_fingerprint(candidate: Candidate) -> Fingerprint:
    """Return the fingerprint of *candidate*."""
    hunks = list_source_hunks(candidate.patch)
    added_by_hunk = [list(distinctive_lines(hunk, b"+")) for hunk in hunks]
    added = {_hash(line) for lines in added_by_hunk for line in lines}
    shown = {_hash(line) for hunk in hunks for line in distinctive_lines(hunk, b" -")}
    return Fingerprint(
        instance_id=candidate.instance_id,
        repo=candidate.repo,
        number=candidate.pull_number,
        highest_number=max(candidate.pull_number, *candidate.issue_numbers, 0),
        collects_others=len(candidate.issue_links) > MAX_SHARED_ISSUES,
        keys=[_hash(key) for key in _group_keys(candidate, added_by_hunk)],
        added_lines=sorted(added - shown),
        shown_lines=sorted(shown),
    )


def group_fingerprints(fingerprints: Iterable[Fingerprint]) -> dict[str, str]:
    """Return the leak group by instance id: the id of its PR with the lowest number.

    A candidate related to no other is a group of its own. One that collects others' work (a
    release, a merge of branches) would join all of them and is left out. The fingerprints should be
    those of all candidates, whether verified or not; else groups would depend on which were
    verified. They must come repository by repository, as the lines of one repository are in memory
    at once.
    """
    groups, pulls = _UnionFind(), list[tuple[int, str, str, int]]()
    for repo, of_repo in groupby(fingerprints, key=lambda it: it.repo):
        members = [each for each in of_repo if not each.collects_others]
        for each in members:
            own, *others = each.keys
            pulls.append((each.number, repo, each.instance_id, own))
            for key in others:
                groups.union(own, key)
        for showing, shown in _find_showing_pairs(members):
            groups.union(members[showing].keys[0], members[shown].keys[0])
    first: dict[int, str] = {}
    for _, _, name, own in sorted(pulls):
        first.setdefault(groups.find(own), name)
    return {name: first[groups.find(own)] for _, _, name, own in pulls}


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _group_keys(candidate: Candidate, added_by_hunk: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
    """Yield keys, first the candidate's own; candidates that share a key are in one group."""
    for number in (candidate.pull_number, *candidate.reverts, *candidate.reverted_by):
        yield f"pull {candidate.repo} {number}".encode()
    for link in candidate.issue_links:
        yield f"issue {link.repo} {link.number}".encode()
    if change := compute_patch_hash(candidate.patch):
        yield f"patch {change}".encode()
    for lines in added_by_hunk:
        if len(lines) >= MIN_SHARED_LINES:
            yield b"hunk\n" + b"\n".join(sorted(lines))


def _find_showing_pairs(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Yield pairs of positions, of which the first shows nearly all lines that the second adds."""
    adding: dict[int, list[int]] = defaultdict(list)
    for position, fingerprint in enumerate(fingerprints):
        if len(fingerprint.added_lines) >= MIN_SHARED_LINES:
            for line in fingerprint.added_lines:
                adding[line].append(position)
    for position, fingerprint in enumerate(fingerprints):
        shown_counts = Counter(
            other for line in fingerprint.shown_lines for other in adding.get(line, ())
        )
        for other, count in shown_counts.items():
            if other != position and count >= max(
                MIN_SHARED_LINES, MIN_SHOWN_FRACTION * len(fingerprints[other].added_lines)
            ):
                yield position, other


class _UnionFind:
    """Disjoint sets of keys."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}

    def find(self, key: int) -> int:
        """Return the representative of the set of *key*."""
        while (parent := self._parents.setdefault(key, key)) != key:
            self._parents[key] = self._parents[parent]
            key = parent
        return key

    def union(self, one: int, other: int) -> None:
        """Merge the sets of two keys."""
        self._parents[self.find(other)] = self.find(one)
