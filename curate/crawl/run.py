"""The crawl: merged pulls into the store, then candidates and rejections out of them.

Both halves ask the store what is left to do, so running a crawl again resumes it: a first crawl
goes on behind its last stored page, and a pull is decided again only when its content changed.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from curate.crawl.decide import extract
from curate.crawl.fetch import Fetcher, Progress
from curate.git.mirror import Mirror
from curate.git.versions import NearestTag, VersionNames
from curate.github.client import GitHubClient
from curate.patches.file_kinds import PathRules
from curate.store.store import Store


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


def crawl(  # noqa: PLR0913
    repo: str,
    *,
    store: Store,
    client: GitHubClient,
    mirror: Mirror,
    rules: PathRules,
    version_of: VersionNames | None = None,
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
    fetched = fetcher.pulls()
    changed = fetcher.changed_issues()
    results = extract(
        repo,
        store=store,
        mirror=mirror,
        rules=rules,
        version_of=version_of or NearestTag(mirror),
        ask=lambda found: fetcher.answers({it.pull.number: it.links for it in found}),
        complete=fetcher.completed,
        since=since,
        refresh=refresh,
        progress=progress,
    )
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
