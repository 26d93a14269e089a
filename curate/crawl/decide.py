"""Decisions on stored PRs: candidates and rejections, saved in chunks.

A decision depends on the PR, the file classifier, the objects in the mirror and the PRs that
revert it. It is made again only when one of these changes.
"""

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol, Self

from curate.core.model import Candidate, Decision, PullRequest, Rejection
from curate.core.shards import Shard
from curate.crawl.base_commit import RULE_MERGE_COMMIT
from curate.crawl.candidates import (
    CrawlContext,
    PullAnalysis,
    analyze_pulls,
    build_candidates,
    may_miss_claims,
    relink,
)
from curate.crawl.linked_issues import IssueAnswers
from curate.crawl.markup import GITHUB_HOST
from curate.crawl.rejections import MISSING_OBJECTS, UNEXPECTED_ERROR
from curate.crawl.reverts import find_reverts
from curate.git.mirror import Mirror
from curate.git.versions import TagVersionResolver, VersionResolver
from curate.patches.file_kinds import FileClassifier
from curate.store.store import Store

log = logging.getLogger(__name__)

CHUNK_SIZE = 800  # PRs whose issues are requested together and whose decisions are saved together
EXTRACTION_VERSION = 4  # increment when the same inputs lead to a different decision
_OBJECT = re.compile(r"\b[0-9a-f]{40,64}\b")

IssueResolver = Callable[[Sequence[PullAnalysis]], IssueAnswers]
"""Returns every issue that the analyzed PRs link to, or the reason why it is missing."""


class PullCompleter(Protocol):
    """Fetches all closing references of PRs from GitHub and, with *commits*, commit messages."""

    def __call__(self, pulls: Sequence[PullRequest], *, commits: bool) -> Sequence[PullRequest]:
        """The same PRs, complete."""


def keep_as_stored(pulls: Sequence[PullRequest], *, commits: bool) -> Sequence[PullRequest]:
    """A completer that asks nobody."""
    return pulls


@dataclass(frozen=True, kw_only=True)
class PullSource:
    """Where PRs are read besides the store; a context manager that closes the mirror."""

    mirror: Mirror
    classifier: FileClassifier
    version_resolver: VersionResolver | None = None  # default: the nearest tag
    refresh: Callable[[], None] | None = None  # updates the mirror
    host: str = GITHUB_HOST  # of GitHub's website

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.mirror.close()


@dataclass(frozen=True, kw_only=True)
class RemoteLookups:
    """What decisions ask GitHub for."""

    resolve_issues: IssueResolver
    complete_pulls: PullCompleter = keep_as_stored


@dataclass(frozen=True, kw_only=True)
class DecisionScope:
    """Which PRs are decided on."""

    since: datetime | None = None  # only those merged then or later
    shard: Shard | None = None  # only those of this part; machines share the work

    def covers(self, pull: PullRequest) -> bool:
        """Whether *pull* is in the scope."""
        is_late = self.since is None or pull.merged_at >= self.since
        return is_late and (self.shard is None or self.shard.contains(pull.repo, str(pull.number)))


AnalyzedPull = tuple[PullRequest, PullAnalysis | Rejection]


def decide_pulls(
    repo: str,
    store: Store,
    source: PullSource,
    remote: RemoteLookups,
    *,
    scope: DecisionScope = DecisionScope(),
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> Counter[str]:
    """Decide on all undecided PRs; return counts by rejection reason, candidates under "".

    PRs that are not in *scope* are left undecided. The mirror is refreshed once if head commits of
    undecided PRs are missing there. An interruption loses at most one chunk.
    """
    mirror = source.mirror
    pulls = list(store.iter_pulls(repo))
    if source.refresh and (
        _lacks_heads(pulls, store.decision_keys(repo), mirror)
        or _lacks_candidates(store.list_needed_commits(repo, RULE_MERGE_COMMIT), mirror)
    ):
        source.refresh()
        mirror.close()
    ctx = CrawlContext(
        mirror=mirror,
        classifier=source.classifier,
        version_resolver=source.version_resolver or TagVersionResolver(mirror),
        reverts=find_reverts(pulls, mirror.commit_graph.message),
        host=source.host,
    )
    input_hashes = {pull.number: _compute_inputs_hash(pull, ctx) for pull in pulls}
    decided = _find_valid_decisions(repo, store, input_hashes, mirror)
    undecided = [pull for pull in pulls if pull.number not in decided and scope.covers(pull)]
    results: Counter[str] = Counter()
    outcomes = zip(undecided, analyze_pulls(undecided, ctx), strict=True)
    while chunk := list(islice(outcomes, CHUNK_SIZE)):
        decisions = _make_decisions(
            _complete_claims(chunk, ctx, remote.complete_pulls),
            ctx,
            remote.resolve_issues,
            input_hashes,
        )
        logged = _log_each(repo, decisions)
        store.save_decisions(repo, _count_reasons(logged, results, progress, len(undecided)))
    return results


def _complete_claims(
    chunk: Sequence[AnalyzedPull], ctx: CrawlContext, complete_pulls: PullCompleter
) -> list[AnalyzedPull]:
    """Add the closing references that only GitHub has, for PRs that were not rejected yet."""
    graph = ctx.mirror.commit_graph
    incomplete = {
        pull.number: result
        for pull, result in chunk
        if isinstance(result, PullAnalysis) and may_miss_claims(pull, graph)
    }
    without_head = [it.pull for it in incomplete.values() if it.pull.head_commit not in graph]
    with_head = [it.pull for it in incomplete.values() if it.pull.head_commit in graph]
    complete = [
        *complete_pulls(without_head, commits=True),
        *complete_pulls(with_head, commits=False),
    ]
    relinked = {pull.number: relink(incomplete[pull.number], pull, ctx) for pull in complete}
    return [(pull, relinked.get(pull.number, result)) for pull, result in chunk]


def _make_decisions(
    chunk: Sequence[AnalyzedPull],
    ctx: CrawlContext,
    resolve_issues: IssueResolver,
    input_hashes: Mapping[int, str],
) -> Iterator[Decision]:
    """Decide on *chunk*; issues are requested only for PRs that were not rejected yet."""
    analyses = [analysis for _, analysis in chunk if isinstance(analysis, PullAnalysis)]
    candidates = build_candidates(analyses, ctx, resolve_issues(analyses))
    for pull, result in chunk:
        outcome = next(candidates) if isinstance(result, PullAnalysis) else result
        yield Decision(number=pull.number, outcome=outcome, inputs_hash=input_hashes[pull.number])


def _log_each(repo: str, decisions: Iterator[Decision]) -> Iterator[Decision]:
    for decision in decisions:
        outcome = decision.outcome
        result = (
            f"{outcome.reason} {outcome.detail}" if isinstance(outcome, Rejection) else "candidate"
        )
        log.debug("%s#%s: %s", repo, decision.number, result.rstrip())
        yield decision


def _count_reasons(
    decisions: Iterator[Decision],
    results: Counter[str],
    progress: Callable[[str, int, int], None],
    total: int,
) -> Iterator[Decision]:
    for decision in decisions:
        outcome = decision.outcome
        results["" if isinstance(outcome, Candidate) else outcome.reason] += 1
        progress("candidates", results[""], total)
        progress("decisions", results.total(), total)
        yield decision


def _compute_inputs_hash(pull: PullRequest, ctx: CrawlContext) -> str:
    """Hash of everything the decision on *pull* depends on, except its own content."""
    graph, number = ctx.mirror.commit_graph, pull.number
    key_parts = (
        EXTRACTION_VERSION,
        tuple(ctx.classifier.tests),
        tuple(ctx.classifier.sources),
        ctx.version_resolver.rule,
        [oid in graph for oid in (pull.base_commit, pull.head_commit, pull.merge_commit)],
        ctx.reverts.reverted_by_pull.get(number),
        ctx.reverts.reverting_pulls.get(number),
    )
    return hashlib.sha256(repr(key_parts).encode()).hexdigest()[:16]


def _find_valid_decisions(
    repo: str, store: Store, input_hashes: Mapping[int, str], mirror: Mirror
) -> frozenset[int]:
    """PRs whose stored decision is still valid: same inputs, and missing objects still missing.

    PRs that were rejected for a bug in curate are decided again.
    """
    unchanged = {
        number
        for number, inputs_hash in store.decision_keys(repo).items()
        if input_hashes.get(number) == inputs_hash
    }
    missing_objects = store.rejections_by_reason(repo, MISSING_OBJECTS)
    return frozenset(
        unchanged
        - {n for n, rejection in missing_objects.items() if _is_available_again(rejection, mirror)}
        - store.rejections_by_reason(repo, UNEXPECTED_ERROR).keys()
    )


def _is_available_again(rejection: Rejection, mirror: Mirror) -> bool:
    """Whether the mirror now has an object that *rejection* names; True if it names none."""
    object_ids = _OBJECT.findall(rejection.detail)
    return not object_ids or any(mirror.object_reader.resolve_names(object_ids))


def _lacks_heads(pulls: Sequence[PullRequest], decided: Mapping[int, str], mirror: Mirror) -> bool:
    return any(
        it.number not in decided and it.head_commit not in mirror.commit_graph for it in pulls
    )


def _lacks_candidates(commits: Iterable[str], mirror: Mirror) -> bool:
    """Whether the mirror is older than the store: candidates were made from what it lacks."""
    return not all(commit in mirror.commit_graph for commit in commits)
