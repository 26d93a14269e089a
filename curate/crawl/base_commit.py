"""Which commit a task starts from and between which two commits its patch lies.

The rule is that of the published SWE-Gym rows: base = GitHub's `baseRefOid`, patch = the diff
from the merge-base of base and head to the head. What departs from it is named in the rule.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from curate.core.model import PullRequest
from curate.git.commit_graph import CommitGraph, MergeBase
from curate.git.diff import FileChange
from curate.git.mirror import Mirror

RULE_BASE_REF = "base-ref"  # base is baseRefOid
RULE_DERIVED = "derived"  # baseRefOid is missing: what it was, as far as the graph tells
RULE_MERGE_BASE = "merge-base"  # the patch does not apply at the base
RULE_MERGE_COMMIT = (
    "merge-commit"  # head is missing: the merged commits against what was before them
)

_REBASE_WINDOW_SECONDS = (
    2  # seconds from the first to the last commit of one click on "Rebase and merge"
)
_MENTIONS_PULL = re.compile(r"\(#\d+\)\s*$|^Merge pull request #\d+ ", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class PatchRange:
    """Base commit, the two sides of the diff, and the pull's commits, newest first."""

    base_commit: str
    old_commit: str
    new_commit: str
    base_commit_rule: str
    commits: tuple[str, ...]

    @property
    def sides(self) -> tuple[str, str]:
        """What `DiffReader` compares."""
        return self.old_commit, self.new_commit


def find_patch_range(history: CommitGraph, pull: PullRequest) -> PatchRange | None:
    """Decide base and diff of *pull* by the graph alone; None where objects are missing."""
    if pull.head_commit in history:
        merge_base = _find_merge_base(history, pull.base_commit, pull.head_commit)
        if merge_base:
            return _make_three_dot_range(
                merge_base, pull, base_commit=pull.base_commit, rule=RULE_BASE_REF
            )
        parent = _merge_parent(history, pull)
        merge_base = _find_merge_base(history, parent, pull.head_commit) if parent else None
        if parent and merge_base:
            base_commit = _base_tip_at_first_commit(history, parent, merge_base)
            return _make_three_dot_range(
                merge_base, pull, base_commit=base_commit, rule=RULE_DERIVED
            )
    return _merge_commit_range(history, pull)


def use_merge_base(patch_range: PatchRange) -> PatchRange:
    """*patch_range* with its base where its patch certainly applies."""
    return replace(
        patch_range, base_commit=patch_range.old_commit, base_commit_rule=RULE_MERGE_BASE
    )


def applies_trivially(
    mirror: Mirror, ranges: Sequence[tuple[PatchRange, Sequence[FileChange]]]
) -> Iterator[bool]:
    """For each pair with its changes: whether the base has every touched file as the diff does.

    Then the patch applies there; where not, git must be asked. One request for all.
    """
    differing = [
        (patch_range, changes)
        for patch_range, changes in ranges
        if patch_range.base_commit != patch_range.old_commit
    ]
    paths = [
        f"{patch_range.base_commit}:{change.path}"
        for patch_range, changes in differing
        for change in changes
    ]
    actual_names = iter(mirror.object_reader.resolve_names(paths))
    for patch_range, changes in ranges:
        expected = [None if change.status == "A" else change.old_oid for change in changes]
        yield (
            patch_range.base_commit == patch_range.old_commit
            or [next(actual_names) for _ in changes] == expected
        )


def _make_three_dot_range(
    merge_base: MergeBase, pull: PullRequest, *, base_commit: str, rule: str
) -> PatchRange:
    return PatchRange(
        base_commit=base_commit,
        old_commit=merge_base.commit,
        new_commit=pull.head_commit,
        base_commit_rule=rule,
        commits=merge_base.ahead,
    )


def _base_tip_at_first_commit(history: CommitGraph, merged_onto: str, merge_base: MergeBase) -> str:
    """The base branch's tip when the pull's first commit was made, or the fork if that is later.

    It gives `baseRefOid` for 198 of 207 published rows: GitHub moves it with pushes and merges.
    """
    first_commit_time = history.commit_time(merge_base.ahead[-1])
    tip: str | None = merged_onto
    while tip is not None and history.commit_time(tip) > first_commit_time:
        tip = history.first_parent(tip)
    return tip if tip and history.is_ancestor(tip, merge_base.commit) else merge_base.commit


def _merge_commit_range(history: CommitGraph, pull: PullRequest) -> PatchRange | None:
    """The merged commit, with what was rebased together with it, against what lies before."""
    if pull.merge_commit is None or pull.merge_commit not in history:
        return None
    parent = history.first_parent(_rebased_commits(history, pull.merge_commit)[-1])
    merge_base = _find_merge_base(history, parent, pull.merge_commit) if parent else None
    if parent is None or merge_base is None:
        return None
    return PatchRange(
        base_commit=parent,
        old_commit=parent,
        new_commit=pull.merge_commit,
        base_commit_rule=RULE_MERGE_COMMIT,
        commits=merge_base.ahead,
    )


def _rebased_commits(history: CommitGraph, merged: str) -> list[str]:
    """The commits of "Rebase and merge" that end in *merged*, newest first; else *merged* alone.

    GitHub writes them anew within a moment, as it does for no two pulls, and leaves their
    subjects alone, whereas a merge or squash names its pull.
    """
    series = [merged]
    commit: str | None = merged
    while commit is not None and _may_be_rebased(history, commit):
        commit = history.first_parent(commit)
        is_near = (
            commit is not None
            and history.commit_time(merged) - history.commit_time(commit) <= _REBASE_WINDOW_SECONDS
        )
        if commit is None or not is_near or not _may_be_rebased(history, commit):
            break
        series.append(commit)
    return series


def _may_be_rebased(history: CommitGraph, commit: str) -> bool:
    subject = history.message(commit).partition("\n")[0]
    return len(history.parents(commit)) == 1 and not _MENTIONS_PULL.search(subject)


def _find_merge_base(history: CommitGraph, base: str, head: str) -> MergeBase | None:
    """Fork of two commits; None where one is missing or *base* holds all of *head*."""
    merge_base = history.merge_base(base, head) if base in history else None
    return merge_base if merge_base and merge_base.ahead else None


def _merge_parent(history: CommitGraph, pull: PullRequest) -> str | None:
    merged = pull.merge_commit
    return history.first_parent(merged) if merged and merged in history else None
