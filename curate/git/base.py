"""Which commit a task starts from and between which two commits its patch lies.

The rule is that of the published SWE-Gym rows: base = GitHub's `baseRefOid`, patch = the diff
from the merge-base of base and head to the head. What departs from it is named in the rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from curate.git.difftree import FileChange
from curate.git.history import Fork, History
from curate.git.mirror import Mirror
from curate.model import PullRequest

BASE_REF = "base-ref"  # base is baseRefOid
MERGE_BASE = "merge-base"  # baseRefOid is missing or the patch does not apply there
MERGE_COMMIT = "merge-commit"  # head is missing: the merged commit against its first parent


@dataclass(frozen=True, kw_only=True)
class DiffPair:
    """Base commit, the two sides of the diff, and the pull's commits, newest first."""

    base: str
    old: str
    new: str
    rule: str
    commits: tuple[str, ...]


def diff_pair(history: History, pull: PullRequest) -> DiffPair | None:
    """Decide base and diff of *pull* by the graph alone; None where objects are missing."""
    if pull.head_oid in history:
        fork = _fork(history, pull.base_oid, pull.head_oid)
        if fork:
            return _three_dot(fork, pull, base=pull.base_oid, rule=BASE_REF)
        parent = _merged_onto(history, pull)
        fork = _fork(history, parent, pull.head_oid) if parent else None
        if fork:
            return _three_dot(fork, pull, base=fork.base, rule=MERGE_BASE)
    return _merge_commit(history, pull)


def settled(
    mirror: Mirror, pair: DiffPair, changes: Sequence[FileChange], patch: bytes
) -> DiffPair:
    """*pair*, with its base moved to the merge-base where *patch* does not apply at the base."""
    if pair.base == pair.old or applies(mirror, pair.base, changes, patch):
        return pair
    return replace(pair, base=pair.old, rule=MERGE_BASE)


def applies(mirror: Mirror, commit: str, changes: Sequence[FileChange], patch: bytes) -> bool:
    """Whether *patch* (which makes *changes*) applies to the tree of *commit*.

    Where every touched file is there as the patch expects it, it does; git decides the rest.
    """
    there = mirror.objects.names([f"{commit}:{change.path}" for change in changes])
    expected = [None if change.status == "A" else change.old_oid for change in changes]
    return there == expected or mirror.applies(commit, patch)


def _three_dot(fork: Fork, pull: PullRequest, *, base: str, rule: str) -> DiffPair:
    return DiffPair(base=base, old=fork.base, new=pull.head_oid, rule=rule, commits=fork.commits)


def _merge_commit(history: History, pull: PullRequest) -> DiffPair | None:
    parent = _merged_onto(history, pull)
    if parent is None or pull.merge_oid is None:
        return None
    return DiffPair(
        base=parent,
        old=parent,
        new=pull.merge_oid,
        rule=MERGE_COMMIT,
        commits=(pull.merge_oid,),
    )


def _fork(history: History, ours: str, theirs: str) -> Fork | None:
    """Fork of two commits; None where one is missing or *ours* holds all of *theirs*."""
    fork = history.fork(ours, theirs) if ours in history else None
    return fork if fork and fork.commits else None


def _merged_onto(history: History, pull: PullRequest) -> str | None:
    merged = pull.merge_oid
    return history.first_parent(merged) if merged and merged in history else None
