"""The base commit of a task, and the two commits whose diff is its patch.

The default rule is that of the published SWE-Gym rows: base = GitHub's `baseRefOid`, patch = the
diff from the merge-base of base and head to the head (three-dot diff). Exceptions are recorded in
`base_commit_rule`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from curate.core.model import PullRequest
from curate.git.commit_graph import CommitGraph, MergeBase
from curate.git.diff import FileChange
from curate.git.mirror import Mirror

RULE_BASE_REF = "base-ref"  # base is baseRefOid
RULE_DERIVED = "derived"  # baseRefOid is missing: reconstructed from the commit graph
RULE_MERGE_BASE = "merge-base"  # the patch does not apply at baseRefOid
RULE_MERGE_COMMIT = "merge-commit"  # head is missing: the merged commits against their parent

_REBASE_WINDOW_SECONDS = 2  # maximum span of the commits that one "Rebase and merge" writes
_MENTIONS_PULL = re.compile(r"\(#\d+\)\s*$|^Merge pull request #\d+ ", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class PatchRange:
    """Base commit, the two commits of the diff, and the PR's commits, newest first."""

    base_commit: str
    old_commit: str
    new_commit: str
    base_commit_rule: str
    commits: tuple[str, ...]

    @property
    def sides(self) -> tuple[str, str]:
        """(old, new), as `DiffReader` takes them."""
        return self.old_commit, self.new_commit


def find_patch_range(graph: CommitGraph, pull: PullRequest) -> PatchRange | None:
    """Determine base and diff of *pull* from the graph alone; None if commits are missing."""
    if pull.head_commit in graph:
        merge_base = _find_merge_base(graph, pull.base_commit, pull.head_commit)
        if merge_base:
            return _make_three_dot_range(
                merge_base, pull, base_commit=pull.base_commit, rule=RULE_BASE_REF
            )
        parent = _merge_parent(graph, pull)
        merge_base = _find_merge_base(graph, parent, pull.head_commit) if parent else None
        if parent and merge_base:
            base_commit = _base_tip_at_first_commit(graph, parent, merge_base)
            return _make_three_dot_range(
                merge_base, pull, base_commit=base_commit, rule=RULE_DERIVED
            )
    return _merge_commit_range(graph, pull)


def use_merge_base(patch_range: PatchRange) -> PatchRange:
    """Move the base of *patch_range* to the merge-base, where its patch always applies."""
    return replace(
        patch_range, base_commit=patch_range.old_commit, base_commit_rule=RULE_MERGE_BASE
    )


def applies_trivially(
    mirror: Mirror, ranges: Sequence[tuple[PatchRange, Sequence[FileChange]]]
) -> Iterator[bool]:
    """For each range, yield whether all changed files are identical in base and merge-base.

    If so, the patch applies at the base; if not, `git apply --check` must decide. The object ids
    of all ranges are read in one batch.
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


def _base_tip_at_first_commit(graph: CommitGraph, merged_onto: str, merge_base: MergeBase) -> str:
    """Tip of the base branch at the time of the PR's first commit, or the merge-base if later.

    This equals `baseRefOid` for 198 of 207 published rows: GitHub updates `baseRefOid` on pushes
    and merges.
    """
    first_commit_time = graph.commit_time(merge_base.ahead[-1])
    tip: str | None = merged_onto
    while tip is not None and graph.commit_time(tip) > first_commit_time:
        tip = graph.first_parent(tip)
    return tip if tip and graph.is_ancestor(tip, merge_base.commit) else merge_base.commit


def _merge_commit_range(graph: CommitGraph, pull: PullRequest) -> PatchRange | None:
    """The diff of the merge commit (or of all commits of a rebase merge) to its first parent."""
    if pull.merge_commit is None or pull.merge_commit not in graph:
        return None
    parent = graph.first_parent(_rebased_commits(graph, pull.merge_commit)[-1])
    merge_base = _find_merge_base(graph, parent, pull.merge_commit) if parent else None
    if parent is None or merge_base is None:
        return None
    return PatchRange(
        base_commit=parent,
        old_commit=parent,
        new_commit=pull.merge_commit,
        base_commit_rule=RULE_MERGE_COMMIT,
        commits=merge_base.ahead,
    )


def _rebased_commits(graph: CommitGraph, merged: str) -> list[str]:
    """Commits of a "Rebase and merge" that ends in *merged*, newest first; else only *merged*.

    GitHub rewrites them within seconds and keeps their subjects, whereas a merge or squash commit
    mentions the PR number in its subject. No two PRs are merged that quickly.
    """
    rebased = [merged]
    commit: str | None = merged
    while commit is not None and _may_be_rebased(graph, commit):
        commit = graph.first_parent(commit)
        is_near = (
            commit is not None
            and graph.commit_time(merged) - graph.commit_time(commit) <= _REBASE_WINDOW_SECONDS
        )
        if commit is None or not is_near or not _may_be_rebased(graph, commit):
            break
        rebased.append(commit)
    return rebased


def _may_be_rebased(graph: CommitGraph, commit: str) -> bool:
    subject = graph.message(commit).partition("\n")[0]
    return len(graph.parents(commit)) == 1 and not _MENTIONS_PULL.search(subject)


def _find_merge_base(graph: CommitGraph, base: str, head: str) -> MergeBase | None:
    """Merge-base of two commits; None if one is missing or *base* contains all of *head*."""
    merge_base = graph.merge_base(base, head) if base in graph else None
    return merge_base if merge_base and merge_base.ahead else None


def _merge_parent(graph: CommitGraph, pull: PullRequest) -> str | None:
    merged = pull.merge_commit
    return graph.first_parent(merged) if merged and merged in graph else None
