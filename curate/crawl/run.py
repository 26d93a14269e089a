"""The crawl: fetch merged PRs into the store, then decide on candidates and rejections.

Both halves take what is left to do from the store, so running a crawl again resumes it: a first
crawl continues after its last stored page, and a PR is decided again only when it has changed.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from curate.core.settings import Settings
from curate.crawl.decide import decide_pulls
from curate.crawl.fetch import GitHubFetcher, ProgressCallback
from curate.crawl.mirrors import fetch_new_heads, open_or_clone_mirror
from curate.environments.plan import make_classifier, make_version_resolver
from curate.git.mirror import Mirror
from curate.git.versions import TagVersionResolver, VersionResolver
from curate.github.client import GitHubClient
from curate.patches.file_kinds import FileClassifier
from curate.recipes import Recipe
from curate.store.store import Store


@dataclass(frozen=True, kw_only=True)
class CrawlSummary:
    """Counts of one call of `crawl_repository`; the store has the totals."""

    repo: str
    pulls: int  # fetched, new or changed
    issues: int  # stored before, and fetched again because they changed
    candidates: int
    rejected: Mapping[str, int]  # PRs by reason
    requests: int
    points: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class CrawlOptions:
    """The user's options for a crawl."""

    mirror: Path | None = None  # bare repository to read instead of cloning
    since: datetime | None = None  # only PRs merged at or after this time
    limit: int | None = None  # maximum number of PRs to fetch in one call
    git_token: str | None = None  # for clones and fetches over HTTPS


def crawl_repository(  # noqa: PLR0913
    repo: str,
    *,
    store: Store,
    client: GitHubClient,
    mirror: Mirror,
    classifier: FileClassifier,
    version_resolver: VersionResolver | None = None,
    since: datetime | None = None,
    limit: int | None = None,
    refresh: Callable[[], None] | None = None,
    progress: ProgressCallback = lambda phase, done, total: None,
) -> CrawlSummary:
    """Fetch the merged PRs of *repo* and decide which could become task instances.

    *since* skips PRs merged earlier; *limit* is the maximum number of PRs to fetch.
    *version_resolver* determines the version at a commit (default: the nearest tag). *refresh*
    updates the mirror; it is called once if head commits of PRs are missing there. Raises what
    `GitHubClient.query` raises; everything stored until then is kept.
    """
    started, requests, points = time.monotonic(), client.requests, client.points
    fetcher = GitHubFetcher(
        repo, store=store, client=client, since=since, limit=limit, progress=progress
    )
    fetched = fetcher.fetch_pulls()
    changed = fetcher.refresh_changed_issues()
    results = decide_pulls(
        repo,
        store=store,
        mirror=mirror,
        classifier=classifier,
        version_resolver=version_resolver or TagVersionResolver(mirror),
        resolve_issues=lambda found: fetcher.resolve_issues(
            {it.pull.number: it.links for it in found}
        ),
        complete_pulls=fetcher.complete_pulls,
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
        seconds=time.monotonic() - started,
    )


def crawl_from_settings(
    repo: str,
    store: Store,
    client: GitHubClient,
    settings: Settings,
    *,
    recipe: Recipe,
    options: CrawlOptions = CrawlOptions(),
    progress: ProgressCallback = lambda phase, done, total: None,
) -> CrawlSummary:
    """Crawl *repo* with its *recipe* and the mirror given by *options* or the settings.

    Raises what `crawl_repository`, `open_mirror` and `ensure_mirror` raise.
    """
    token = options.git_token
    with open_or_clone_mirror(repo, settings, given=options.mirror, token=token) as mirror:
        return crawl_repository(
            repo,
            store=store,
            client=client,
            mirror=mirror,
            classifier=make_classifier(recipe),
            version_resolver=make_version_resolver(recipe, mirror),
            since=options.since,
            limit=options.limit,
            refresh=lambda: fetch_new_heads(repo, settings, token=token),
            progress=progress,
        )
