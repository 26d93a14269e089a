"""Deciding over stored pulls: candidates and rejections, a chunk at a time.

A decision is made once for what it rests on: the pull, the rules, what the mirror has of it and
which pulls revert it. When any of these changes it is made again; else a second run does nothing.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from curate.core.model import Candidate, Decision, PullRequest, Rejection
from curate.crawl.candidates import (
    MISSING_OBJECTS,
    CrawlContext,
    IssueAnswers,
    PullAnalysis,
    analyze_pulls,
    build_candidates,
    may_miss_claims,
    relink,
)
from curate.crawl.reverts import find_reverts
from curate.git.mirror import Mirror
from curate.git.versions import VersionResolver
from curate.patches.file_kinds import FileClassifier
from curate.store.store import Store

CHUNK_SIZE = 400  # pulls decided between two requests for issues, and saved together
EXTRACTION_VERSION = 3  # raise it when the same inputs are decided otherwise than before
_OBJECT = re.compile(r"\b[0-9a-f]{40,64}\b")

IssueResolver = Callable[[Sequence[PullAnalysis]], IssueAnswers]
"""Gets every issue that the surveyed pulls link to, or why it is missing."""

PullCompleter = Callable[[Sequence[PullRequest], bool], Sequence[PullRequest]]
"""Gets all references that GitHub lists of pulls, and if asked their commits' messages."""

AnalyzedPull = tuple[PullRequest, PullAnalysis | Rejection]


def decide_pulls(  # noqa: PLR0913
    repo: str,
    *,
    store: Store,
    mirror: Mirror,
    classifier: FileClassifier,
    version_resolver: VersionResolver,
    resolve_issues: IssueResolver,
    complete_pulls: PullCompleter = lambda pulls, commits: pulls,
    since: datetime | None = None,
    refresh: Callable[[], None] | None = None,
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> Counter[str]:
    """Decide what is undecided; counts by reason, candidates under "".

    *since* leaves out what was merged earlier. *refresh* updates the mirror; it is called once
    if heads of undecided pulls are missing there. Killed at any moment, it loses one chunk.
    """
    pulls = list(store.iter_pulls(repo))
    if refresh and _lacks_heads(pulls, store.decision_keys(repo), mirror):
        refresh()
        mirror.close()
    reverts = find_reverts(pulls, mirror.commit_graph.message)
    ctx = CrawlContext(
        mirror=mirror, classifier=classifier, version_resolver=version_resolver, reverts=reverts
    )
    input_hashes = {pull.number: _compute_inputs_hash(pull, ctx) for pull in pulls}
    decided = _find_valid_decisions(repo, store, input_hashes, mirror)
    undecided = [
        pull
        for pull in pulls
        if pull.number not in decided and (since is None or pull.merged_at >= since)
    ]
    results: Counter[str] = Counter()
    outcomes = zip(undecided, analyze_pulls(undecided, ctx), strict=True)
    while chunk := list(islice(outcomes, CHUNK_SIZE)):
        made = _make_decisions(
            _complete_claims(chunk, ctx, complete_pulls), ctx, resolve_issues, input_hashes
        )
        store.save_decisions(repo, _count_reasons(made, results, progress, len(undecided)))
    return results


def _complete_claims(
    chunk: Sequence[AnalyzedPull], ctx: CrawlContext, complete_pulls: PullCompleter
) -> list[AnalyzedPull]:
    """*chunk* with the claims that only GitHub knows, of pulls that touch the right files."""
    history = ctx.mirror.commit_graph
    incomplete = {
        pull.number: result
        for pull, result in chunk
        if isinstance(result, PullAnalysis) and may_miss_claims(pull, history)
    }
    without_head = [it.pull for it in incomplete.values() if it.pull.head_commit not in history]
    with_head = [it.pull for it in incomplete.values() if it.pull.head_commit in history]
    full = [*complete_pulls(without_head, True), *complete_pulls(with_head, False)]
    renewed = {pull.number: relink(incomplete[pull.number], pull, history) for pull in full}
    return [(pull, renewed.get(pull.number, result)) for pull, result in chunk]


def _make_decisions(
    chunk: Sequence[AnalyzedPull],
    ctx: CrawlContext,
    resolve_issues: IssueResolver,
    input_hashes: Mapping[int, str],
) -> Iterator[Decision]:
    """Decisions over *chunk*; issues are asked for of those that survived the survey."""
    found = [analysis for _, analysis in chunk if isinstance(analysis, PullAnalysis)]
    candidates = build_candidates(found, ctx, resolve_issues(found))
    for pull, result in chunk:
        outcome = next(candidates) if isinstance(result, PullAnalysis) else result
        yield Decision(number=pull.number, outcome=outcome, inputs_hash=input_hashes[pull.number])


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
    """Hash of what decides over *pull* besides its own content."""
    history, number = ctx.mirror.commit_graph, pull.number
    key_parts = (
        EXTRACTION_VERSION,
        tuple(ctx.classifier.tests),
        tuple(ctx.classifier.sources),
        ctx.version_resolver.rule,
        [oid in history for oid in (pull.base_commit, pull.head_commit, pull.merge_commit)],
        ctx.reverts.reverted_by_pull.get(number),
        ctx.reverts.reverting_pulls.get(number),
    )
    return hashlib.sha256(repr(key_parts).encode()).hexdigest()[:16]


def _find_valid_decisions(
    repo: str, store: Store, input_hashes: Mapping[int, str], mirror: Mirror
) -> frozenset[int]:
    """Pulls whose decision rests on what is still so; missing objects must still be missing."""
    same = {
        number for number, it in store.decision_keys(repo).items() if input_hashes.get(number) == it
    }
    missing_objects = store.rejections_by_reason(repo, MISSING_OBJECTS)
    return frozenset(
        same - {n for n, why in missing_objects.items() if _is_available_again(why, mirror)}
    )


def _is_available_again(why: Rejection, mirror: Mirror) -> bool:
    """Whether the mirror has what *why* names as missing; also where it names nothing."""
    named = _OBJECT.findall(why.detail)
    return not named or any(mirror.object_reader.resolve_names(named))


def _lacks_heads(pulls: Sequence[PullRequest], decided: Mapping[int, str], mirror: Mirror) -> bool:
    return any(
        it.number not in decided and it.head_commit not in mirror.commit_graph for it in pulls
    )
