"""Which commit a task starts from and between which two commits its patch lies.

The rule is that of the published SWE-Gym rows: base = GitHub's `baseRefOid`, patch = the diff
from the merge-base of base and head to the head. What departs from it is named in the rule.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from curate.core.model import PullRequest
from curate.git.commit_graph import Fork, History
from curate.git.diff import FileChange
from curate.git.mirror import Mirror

BASE_REF = "base-ref"  # base is baseRefOid
DERIVED = "derived"  # baseRefOid is missing: what it was, as far as the graph tells
MERGE_BASE = "merge-base"  # the patch does not apply at the base
MERGE_COMMIT = "merge-commit"  # head is missing: the merged commits against what was before them

_REBASED_WITHIN = 2  # seconds from the first to the last commit of one click on "Rebase and merge"
_NAMES_A_PULL = re.compile(r"\(#\d+\)\s*$|^Merge pull request #\d+ ", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class DiffPair:
    """Base commit, the two sides of the diff, and the pull's commits, newest first."""

    base: str
    old: str
    new: str
    rule: str
    commits: tuple[str, ...]

    @property
    def sides(self) -> tuple[str, str]:
        """What `DiffTree` compares."""
        return self.old, self.new


def diff_pair(history: History, pull: PullRequest) -> DiffPair | None:
    """Decide base and diff of *pull* by the graph alone; None where objects are missing."""
    if pull.head_oid in history:
        fork = _fork(history, pull.base_oid, pull.head_oid)
        if fork:
            return _three_dot(fork, pull, base=pull.base_oid, rule=BASE_REF)
        parent = _merged_onto(history, pull)
        fork = _fork(history, parent, pull.head_oid) if parent else None
        if parent and fork:
            base = _tip_when_begun(history, parent, fork)
            return _three_dot(fork, pull, base=base, rule=DERIVED)
    return _merge_commit(history, pull)


def at_merge_base(pair: DiffPair) -> DiffPair:
    """*pair* with its base where its patch certainly applies."""
    return replace(pair, base=pair.old, rule=MERGE_BASE)


def untouched(
    mirror: Mirror, wanted: Sequence[tuple[DiffPair, Sequence[FileChange]]]
) -> Iterator[bool]:
    """For each pair with its changes: whether the base has every touched file as the diff does.

    Then the patch applies there; where not, git must be asked. One request for all.
    """
    moved = [(pair, changes) for pair, changes in wanted if pair.base != pair.old]
    paths = [f"{pair.base}:{change.path}" for pair, changes in moved for change in changes]
    there = iter(mirror.objects.names(paths))
    for pair, changes in wanted:
        expected = [None if change.status == "A" else change.old_oid for change in changes]
        yield pair.base == pair.old or [next(there) for _ in changes] == expected


def _three_dot(fork: Fork, pull: PullRequest, *, base: str, rule: str) -> DiffPair:
    return DiffPair(base=base, old=fork.base, new=pull.head_oid, rule=rule, commits=fork.commits)


def _tip_when_begun(history: History, merged_onto: str, fork: Fork) -> str:
    """The base branch's tip when the pull's first commit was made, or the fork if that is later.

    It gives `baseRefOid` for 198 of 207 published rows: GitHub moves it with pushes and merges.
    """
    begun = history.time(fork.commits[-1])
    at: str | None = merged_onto
    while at is not None and history.time(at) > begun:
        at = history.first_parent(at)
    return at if at and history.holds(at, fork.base) else fork.base


def _merge_commit(history: History, pull: PullRequest) -> DiffPair | None:
    """The merged commit, with what was rebased together with it, against what lies before."""
    if pull.merge_oid is None or pull.merge_oid not in history:
        return None
    before = history.first_parent(_rebased_series(history, pull.merge_oid)[-1])
    fork = _fork(history, before, pull.merge_oid) if before else None
    if before is None or fork is None:
        return None
    return DiffPair(
        base=before, old=before, new=pull.merge_oid, rule=MERGE_COMMIT, commits=fork.commits
    )


def _rebased_series(history: History, merged: str) -> list[str]:
    """The commits of "Rebase and merge" that end in *merged*, newest first; else *merged* alone.

    GitHub writes them anew within a moment, as it does for no two pulls, and leaves their
    subjects alone, whereas a merge or squash names its pull.
    """
    series = [merged]
    at: str | None = merged
    while at is not None and _may_be_rebased(history, at):
        at = history.first_parent(at)
        near = at is not None and history.time(merged) - history.time(at) <= _REBASED_WITHIN
        if at is None or not near or not _may_be_rebased(history, at):
            break
        series.append(at)
    return series


def _may_be_rebased(history: History, commit: str) -> bool:
    subject = history.message(commit).partition("\n")[0]
    return len(history.parents(commit)) == 1 and not _NAMES_A_PULL.search(subject)


def _fork(history: History, ours: str, theirs: str) -> Fork | None:
    """Fork of two commits; None where one is missing or *ours* holds all of *theirs*."""
    fork = history.fork(ours, theirs) if ours in history else None
    return fork if fork and fork.commits else None


def _merged_onto(history: History, pull: PullRequest) -> str | None:
    merged = pull.merge_oid
    return history.first_parent(merged) if merged and merged in history else None
