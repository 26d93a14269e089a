"""The crawl: fetch merged PRs into the store, then decide on candidates and rejections.

Both halves take what is left to do from the store, so running a crawl again resumes it: a first
crawl continues after its last stored page, and a PR is decided again only when it has changed.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from curate.core.settings import Settings
from curate.core.shards import Shard
from curate.crawl.candidates import PullAnalysis, find_unread_edits
from curate.crawl.decide import DecisionScope, PullSource, RemoteLookups, decide_pulls
from curate.crawl.fetch import GitHubFetcher, ProgressCallback
from curate.crawl.linked_issues import IssueAnswers
from curate.crawl.mirrors import fetch_new_heads, open_or_clone_mirror
from curate.environments.recipe_values import make_classifier, make_version_resolver
from curate.git.mirror import open_mirror
from curate.github.client import GitHubClient
from curate.github.hosts import website_host
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
    shard: Shard | None = None  # only PRs of this part are decided on; all are fetched
    git_token: str | None = None  # for clones and fetches over HTTPS
    progress: ProgressCallback = lambda phase, done, total: None


def crawl_repository(
    repo: str,
    *,
    store: Store,
    client: GitHubClient,
    source: AbstractContextManager[PullSource],
    options: CrawlOptions = CrawlOptions(),
) -> CrawlSummary:
    """Fetch the merged PRs of *repo* and decide which could become task instances.

    *source* is entered after all PRs are fetched, so that nothing is cloned before GitHub answers.
    Raises what `GitHubClient.query_adaptive` raises; everything stored until then is kept.
    """
    started, requests, points = time.monotonic(), client.requests, client.points
    fetcher = GitHubFetcher(
        repo,
        store=store,
        client=client,
        since=options.since,
        limit=options.limit,
        progress=options.progress,
    )
    fetched = fetcher.fetch_pulls()
    changed = fetcher.refresh_changed_issues() + fetcher.refresh_vanished()

    def resolve_issues(analyses: Sequence[PullAnalysis]) -> IssueAnswers:
        answers = fetcher.resolve_issues({it.pull.number: it.links for it in analyses})
        return fetcher.add_edits(answers, find_unread_edits(analyses, answers))

    remote = RemoteLookups(resolve_issues=resolve_issues, complete_pulls=fetcher.complete_pulls)
    with source as opened:
        scope = DecisionScope(since=options.since, shard=options.shard)
        results = decide_pulls(repo, store, opened, remote, scope=scope, progress=options.progress)
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
    recipe: Recipe,
    options: CrawlOptions,
) -> CrawlSummary:
    """Crawl *repo* with its *recipe* and the mirror given by *options* or the settings.

    Raises what `crawl_repository`, `open_mirror` and `ensure_mirror` raise.
    """
    if options.mirror:
        open_mirror(options.mirror).close()  # what is wrong with it is told first
    source = _open_source(repo, settings, recipe, options)
    return crawl_repository(repo, store=store, client=client, source=source, options=options)


@contextmanager
def _open_source(
    repo: str, settings: Settings, recipe: Recipe, options: CrawlOptions
) -> Iterator[PullSource]:
    token = options.git_token
    with open_or_clone_mirror(repo, settings, given=options.mirror, token=token) as mirror:
        yield PullSource(
            mirror=mirror,
            classifier=make_classifier(recipe),
            version_resolver=make_version_resolver(recipe, mirror),
            refresh=lambda: fetch_new_heads(repo, settings, token=token),
            host=website_host(settings.github_api_url),
        )
