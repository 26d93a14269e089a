"""The crawl: merged pulls into the store, then candidates and rejections out of them.

Both halves ask the store what is left to do, so running a crawl again resumes it: a first crawl
goes on behind its last stored page, and a pull is decided again only when its content changed.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from curate.fetching import Fetcher, Progress
from curate.git.mirror import Mirror
from curate.git.version import NearestTag
from curate.github.client import GitHubClient
from curate.model import Candidate, PullRequest, Rejection
from curate.stages.extract import NO_ISSUE, Survey, extract, survey
from curate.store.store import Store
from curate.testpaths import PathRules

CHUNK = 400  # pulls decided between two requests for issues


@dataclass(frozen=True, kw_only=True)
class CrawlSummary:
    """What one call of `crawl` did; the store has the totals."""

    repo: str
    pulls: int  # fetched, new or changed
    issues: int  # known before, fetched again because they changed
    candidates: int
    rejected: Mapping[str, int]  # pulls by reason
    requests: int
    points: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class _Crawl:
    """What every step of a crawl needs."""

    repo: str
    store: Store
    fetcher: Fetcher
    mirror: Mirror
    rules: PathRules
    version_of: Callable[[str], str]
    since: datetime | None
    progress: Progress


def crawl(  # noqa: PLR0913
    repo: str,
    *,
    store: Store,
    client: GitHubClient,
    mirror: Mirror,
    rules: PathRules,
    version_of: Callable[[str], str] | None = None,
    since: datetime | None = None,
    limit: int | None = None,
    refresh: Callable[[], None] | None = None,
    progress: Progress = lambda phase, done, total: None,
) -> CrawlSummary:
    """Fetch the merged pulls of *repo* and decide which could become tasks.

    *since* leaves out what was merged earlier; *limit* stops fetching after so many pulls of this
    call. *version_of* names the version of a commit (default: the nearest tag). *refresh* updates
    the mirror; it is called once if heads of pulls are missing there. Raises the errors of
    `GitHubClient.query`; what was stored until then stays.
    """
    began, requests, points = time.monotonic(), client.requests, client.points
    fetcher = Fetcher(repo, store=store, client=client, since=since, limit=limit, progress=progress)
    this = _Crawl(
        repo=repo,
        store=store,
        fetcher=fetcher,
        mirror=mirror,
        rules=rules,
        version_of=version_of or NearestTag(mirror),
        since=since,
        progress=progress,
    )
    fetched = fetcher.pulls()
    changed = fetcher.changed_issues()
    results = _decide(this, refresh)
    return CrawlSummary(
        repo=repo,
        pulls=fetched,
        issues=changed,
        candidates=results.pop("", 0),
        rejected=dict(sorted(results.items())),
        requests=client.requests - requests,
        points=client.points - points,
        seconds=time.monotonic() - began,
    )


def _decide(this: _Crawl, refresh: Callable[[], None] | None) -> Counter[str]:
    """Decide what is undecided; counts by reason, candidates under ""."""
    pulls = [
        pull
        for pull in this.store.undecided_pulls(this.repo)
        if this.since is None or pull.merged_at >= this.since
    ]
    if refresh and any(pull.head_oid not in this.mirror.history for pull in pulls):
        refresh()
        this.mirror.close()
    results: Counter[str] = Counter()
    for start in range(0, len(pulls), CHUNK):
        for reason in _decide_chunk(this, pulls[start : start + CHUNK]):
            results[reason] += 1
            this.progress("candidates", results[""], len(pulls))
            this.progress("decisions", results.total(), len(pulls))
    return results


def _decide_chunk(this: _Crawl, pulls: Sequence[PullRequest]) -> Iterator[str]:
    """Survey all of *pulls*, ask for the issues of those that survive, extract these."""
    found: list[Survey] = []
    for pull, result in _surveyed(this, pulls):
        if isinstance(result, Survey):
            found.append(result)
        else:
            yield _stored(this, pull, result)
    answers = this.fetcher.answers({one.pull.number: one.links for one in found})
    for one in found:
        outcome = extract(one, this.mirror, this.rules, answers, this.version_of)
        yield _stored(this, one.pull, outcome)


def _surveyed(
    this: _Crawl, pulls: Sequence[PullRequest]
) -> list[tuple[PullRequest, Survey | Rejection]]:
    """Survey *pulls*; those that touch the right files once more when GitHub has more on them."""
    surveys = {pull: survey(pull, this.mirror, this.rules) for pull in pulls}
    open_ = [p for p, s in surveys.items() if isinstance(s, Survey) or s.reason == NO_ISSUE]
    unread = [pull for pull in open_ if pull.head_oid not in this.mirror.history]
    short = [pull for pull in open_ if pull.closing_cursor and pull not in unread]
    for pull in (
        *this.fetcher.completed(unread, commits=True),
        *this.fetcher.completed(short, commits=False),
    ):
        old = next(it for it in open_ if it.number == pull.number)
        surveys[old] = survey(pull, this.mirror, this.rules)
    return list(surveys.items())


def _stored(this: _Crawl, pull: PullRequest, outcome: Candidate | Rejection) -> str:
    if isinstance(outcome, Candidate):
        this.store.save_candidate(outcome)
        return ""
    this.store.reject_pull(pull.repo, pull.number, outcome)
    return outcome.reason
