"""From merged PRs to candidates or rejections.

`analyze_pulls` uses the mirror alone; `build_candidates` also needs the linked issues. Both take
many PRs and yield results in order, while git works ahead.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from curate.builders.git.run import GitCommandError
from curate.core.model import Candidate, IssueLink, PullRequest, Rejection
from curate.core.names import make_instance_id
from curate.crawl.base_commit import PatchRange, applies_trivially, find_patch_range, use_merge_base
from curate.crawl.issue_links import collect_issue_links
from curate.crawl.issue_texts import IssueTexts, find_unread_histories, make_issue_texts
from curate.crawl.linked_issues import IssueAnswers, find_linked_issues
from curate.crawl.markup import GITHUB_HOST
from curate.crawl.rejections import (
    EMPTY_PATCH,
    EMPTY_PROBLEM_STATEMENT,
    ISSUE_IS_PR,
    ISSUE_NOT_FOUND,
    MALFORMED_PULL,
    MISSING_OBJECTS,
    NO_ISSUE,
    NO_SOURCE,
    NO_TESTS,
    PULL_NOT_FOUND,
    decide_alone,
    make_rejection,
)
from curate.crawl.reverts import Reverts
from curate.git.commit_graph import CommitGraph
from curate.git.diff import FileChange
from curate.git.mirror import Mirror
from curate.git.versions import VersionResolver
from curate.github.issues import IS_PULL_REQUEST
from curate.patches.file_kinds import FileClassifier
from curate.patches.parse import crosses_test_boundary, split_files, split_gold_and_test

MAX_LISTED_COMMITS = 250  # GitHub lists at most so many commits of a PR
_PARALLEL_CHECKS = 2  # parallel `git apply --check` processes
_MAX_PENDING_CHECKS = 8  # patches whose check may be pending


@dataclass(frozen=True, kw_only=True)
class CrawlContext:
    """Inputs to the decisions on a repository's PRs, other than data from GitHub."""

    mirror: Mirror
    classifier: FileClassifier
    version_resolver: VersionResolver
    reverts: Reverts = field(default_factory=Reverts)
    host: str = GITHUB_HOST  # of the website: only links there are to issues


@dataclass(frozen=True, kw_only=True)
class PullAnalysis:
    """What the mirror shows of a PR that changes tests and source and links an issue."""

    pull: PullRequest
    patch_range: PatchRange
    changes: tuple[FileChange, ...]
    links: tuple[IssueLink, ...]
    started_at: datetime  # author date of the PR's first commit


def analyze_pulls(
    pulls: Sequence[PullRequest], ctx: CrawlContext
) -> Iterator[PullAnalysis | Rejection]:
    """Check commits, files and issue links of each of *pulls*, without requests to GitHub."""
    graph = ctx.mirror.commit_graph
    pairs = [
        None if pull.is_gone or pull.malformed else find_patch_range(graph, pull) for pull in pulls
    ]
    lists = ctx.mirror.diff_reader.read_changed_files([pair.sides for pair in pairs if pair])
    for pull, pair in zip(pulls, pairs, strict=True):
        if pull.is_gone:
            yield make_rejection(PULL_NOT_FOUND)
        elif pull.malformed:
            yield make_rejection(MALFORMED_PULL, pull.malformed)
        elif pair is None:
            missing = ", ".join(filter(None, (pull.head_commit, pull.merge_commit)))
            yield make_rejection(MISSING_OBJECTS, f"not in the mirror: {missing}")
        else:
            yield decide_alone(pull, partial(_analyze_pull, pull, pair, next(lists), ctx))


def _analyze_pull(
    pull: PullRequest,
    pair: PatchRange,
    changes: tuple[FileChange, ...] | GitCommandError,
    ctx: CrawlContext,
) -> PullAnalysis | Rejection:
    if isinstance(changes, GitCommandError):
        return make_rejection(MISSING_OBJECTS, str(changes))
    rejection = _prefilter(changes, ctx.classifier)
    if rejection:
        return rejection
    graph = ctx.mirror.commit_graph
    issue_links = collect_issue_links(pull, _commit_messages(pair, graph), host=ctx.host)
    if not issue_links and not may_miss_claims(pull, graph):
        return make_rejection(NO_ISSUE)
    started_at = _first_commit_date(pull, pair, graph)
    return PullAnalysis(
        pull=pull, patch_range=pair, changes=changes, links=issue_links, started_at=started_at
    )


def _first_commit_date(pull: PullRequest, pair: PatchRange, graph: CommitGraph) -> datetime:
    """Author date of the PR's first commit, or the best estimate if its head is missing.

    A squash commit is dated at the merge, so GitHub's dates of the PR are considered as well.
    """
    authored_dates = [graph.authored_at(oid) for oid in pair.commits]
    if pull.head_commit not in graph:
        authored_dates += [pull.created_at, *filter(None, [pull.first_commit_at])]
    return min(authored_dates)


def _commit_messages(pair: PatchRange, graph: CommitGraph) -> list[str]:
    """Messages of the PR's commits; empty if there are more than GitHub lists for a PR.

    In that case another project's history was merged, and its `fixes #12` means another tracker.
    """
    within_limit = len(pair.commits) <= MAX_LISTED_COMMITS
    return [graph.message(oid) for oid in pair.commits] if within_limit else []


def may_miss_claims(pull: PullRequest, graph: CommitGraph) -> bool:
    """Whether GitHub may have closing references that neither *pull* nor the mirror contains."""
    return bool(pull.closing_cursor) or pull.head_commit not in graph


def relink(
    analysis: PullAnalysis, pull: PullRequest, ctx: CrawlContext
) -> PullAnalysis | Rejection:
    """Update *analysis* with the links of *pull*, which has all closing references of GitHub."""
    if pull.malformed:
        return make_rejection(MALFORMED_PULL, pull.malformed)
    graph = ctx.mirror.commit_graph
    messages = _commit_messages(analysis.patch_range, graph)
    issue_links = collect_issue_links(pull, messages, host=ctx.host)
    if not issue_links:
        return make_rejection(NO_ISSUE)
    started_at = _first_commit_date(pull, analysis.patch_range, graph)
    return replace(analysis, pull=pull, links=issue_links, started_at=started_at)


def build_candidates(
    analyses: Sequence[PullAnalysis], ctx: CrawlContext, answers: IssueAnswers
) -> Iterator[Candidate | Rejection]:
    """Yield a candidate or a rejection for each of *analyses*.

    *answers* maps every link to its issue, or to the reason why the issue is missing.
    """
    all_texts = [
        decide_alone(analysis.pull, partial(_collect_issue_texts, analysis, answers))
        for analysis in analyses
    ]
    accepted = [
        it for it, texts in zip(analyses, all_texts, strict=True) if isinstance(texts, _PullTexts)
    ]
    patches = _iter_checked_patches(accepted, ctx.mirror)
    for analysis, texts in zip(analyses, all_texts, strict=True):
        yield (
            texts
            if isinstance(texts, Rejection)
            else decide_alone(
                analysis.pull, partial(_make_candidate, analysis, texts, next(patches), ctx)
            )
        )


def _iter_checked_patches(
    analyses: Sequence[PullAnalysis], mirror: Mirror
) -> Iterator[tuple[bytes | GitCommandError, bool]]:
    """Yield the patch of each analysis, and whether it applies at the base commit.

    Git generates and checks patches, two at a time, while the caller handles earlier ones.
    """
    patches = mirror.diff_reader.read_patches([analysis.patch_range.sides for analysis in analyses])
    applies_at_base = applies_trivially(
        mirror, [(analysis.patch_range, analysis.changes) for analysis in analyses]
    )
    pending_checks: deque[tuple[bytes | GitCommandError, Future[bool] | None]] = deque()
    with ThreadPoolExecutor(_PARALLEL_CHECKS) as pool:
        for analysis, patch, known in zip(analyses, patches, applies_at_base, strict=True):
            check = None
            if not known and not isinstance(patch, GitCommandError):
                check = pool.submit(mirror.can_apply, analysis.patch_range.base_commit, patch)
            pending_checks.append((patch, check))
            if len(pending_checks) > _MAX_PENDING_CHECKS:
                yield _await_check(*pending_checks.popleft())
        yield from (_await_check(*it) for it in pending_checks)


def _await_check(
    patch: bytes | GitCommandError, check: Future[bool] | None
) -> tuple[bytes | GitCommandError, bool]:
    return patch, check is None or check.result()


@dataclass(frozen=True, kw_only=True)
class _PullTexts:
    """Texts of a PR's issues, and the links to them."""

    texts: IssueTexts
    links: tuple[IssueLink, ...]


def find_unread_edits(analyses: Sequence[PullAnalysis], answers: IssueAnswers) -> list[str]:
    """Return node ids of texts edited after the PR whose edit history is not in *answers*."""
    found: dict[str, None] = {}
    for analysis in analyses:
        issues = find_linked_issues(analysis.links, answers).issues
        opened_at, started_at = analysis.pull.created_at, analysis.started_at
        ids = find_unread_histories(issues, opened_at=opened_at, started_at=started_at)
        found |= dict.fromkeys(ids)
    return list(found)


def _collect_issue_texts(analysis: PullAnalysis, answers: IssueAnswers) -> _PullTexts | Rejection:
    linked = find_linked_issues(analysis.links, answers)
    if not linked.issues:
        return _reject_without_issue(analysis.links, answers)
    texts = make_issue_texts(
        linked.issues, opened_at=analysis.pull.created_at, started_at=analysis.started_at
    )
    if not texts.statement.strip():
        return make_rejection(EMPTY_PROBLEM_STATEMENT)
    return _PullTexts(texts=texts, links=linked.links)


def _make_candidate(
    analysis: PullAnalysis,
    issue_texts: _PullTexts,
    checked_patch: tuple[bytes | GitCommandError, bool],
    ctx: CrawlContext,
) -> Candidate | Rejection:
    pull, pair, is_test = analysis.pull, analysis.patch_range, ctx.classifier.is_test
    texts = issue_texts.texts
    patch, applies = checked_patch
    parts = () if isinstance(patch, GitCommandError) else split_files(patch)
    if crosses_test_boundary(parts, is_test):
        patch = ctx.mirror.diff_reader.read_plain_patch(pair.sides)
        parts = () if isinstance(patch, GitCommandError) else split_files(patch)
    if isinstance(patch, GitCommandError):
        return make_rejection(MISSING_OBJECTS, str(patch))
    pair = pair if applies else use_merge_base(pair)
    gold, test = split_gold_and_test(parts, is_test)
    return Candidate(
        instance_id=make_instance_id(pull.repo, pull.number),
        repo=pull.repo,
        pull_number=pull.number,
        base_commit=pair.base_commit,
        base_commit_rule=pair.base_commit_rule,
        head_commit=pull.head_commit,
        merge_commit=pull.merge_commit,
        patch=gold,
        test_patch=test,
        problem_statement=texts.statement,
        hints_text=texts.hints,
        statement_edited_after=texts.edited_after,
        omitted_hints=texts.omitted_hints,
        created_at=pull.created_at,
        version=ctx.version_resolver(pair.base_commit),
        issue_links=issue_texts.links,
        reverts=ctx.reverts.reverted_by_pull.get(pull.number, ()),
        reverted_by=ctx.reverts.reverting_pulls.get(pull.number, ()),
    )


def _prefilter(changes: Sequence[FileChange], classifier: FileClassifier) -> Rejection | None:
    if not changes:
        return make_rejection(EMPTY_PATCH)
    if not any(change.status != "D" and classifier.is_test(change.path) for change in changes):
        return make_rejection(NO_TESTS)
    if not any(classifier.is_source(change.path) for change in changes):
        return make_rejection(NO_SOURCE)
    return None


def _reject_without_issue(issue_links: Sequence[IssueLink], answers: IssueAnswers) -> Rejection:
    link_names = ", ".join(f"{link.repo}#{link.number}" for link in issue_links)
    all_prs = all(answers.get((link.repo, link.number)) == IS_PULL_REQUEST for link in issue_links)
    return make_rejection(ISSUE_IS_PR if all_prs else ISSUE_NOT_FOUND, link_names)
