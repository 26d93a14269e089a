"""The crawl: merged pulls into the store, then candidates and rejections out of them.

Both halves ask the store what is left to do, so running a crawl again resumes it: a first crawl
goes on behind its last stored page, and a pull is decided again only when its content changed.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from curate.extraction import Survey
from curate.git.mirror import Mirror
from curate.git.version import NearestTag, VersionNames
from curate.github.client import GitHubClient
from curate.github.issues import fetch_issues
from curate.github.pulls import LARGEST_PAGE, PullPage, pull_pages
from curate.model import CrawlState, Issue, IssueRef
from curate.stages.extract import extract
from curate.store.store import Store
from curate.testpaths import PathRules

Progress = Callable[[str, int, int], None]
"""Called with a phase ("pulls" or "decisions"), how many are done, and of how many."""


@dataclass(frozen=True, kw_only=True)
class CrawlSummary:
    """What one call of `crawl` did; the store has the totals."""

    repo: str
    pulls: int  # fetched, new or changed
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
    client: GitHubClient
    since: datetime | None
    limit: int | None
    progress: Progress


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
    this = _Crawl(
        repo=repo,
        store=store,
        client=client,
        since=since,
        limit=limit,
        progress=progress,
    )
    fetched = _fetch_pulls(this)
    results = extract(
        repo,
        store=store,
        mirror=mirror,
        rules=rules,
        version_of=version_of or NearestTag(mirror),
        ask=partial(_answers, this),
        since=since,
        refresh=refresh,
        progress=partial(progress, "decisions"),
    )
    return CrawlSummary(
        repo=repo,
        pulls=fetched,
        candidates=results.pop("", 0),
        rejected=dict(sorted(results.items())),
        requests=client.requests - requests,
        points=client.points - points,
        seconds=time.monotonic() - began,
    )


def _fetch_pulls(this: _Crawl) -> int:
    """Store the pulls that are new or changed; how many were fetched."""
    state = this.store.crawl_state(this.repo)
    if state.complete and _covers(state, this.since):
        return _fetch_newer(this, state, until=state.watermark)
    if this.since and state.cursor is None:
        return _fetch_newer(this, replace(state, since=this.since), until=this.since)
    return _fetch_all(this, replace(state, complete=False, since=None))


def _covers(state: CrawlState, since: datetime | None) -> bool:
    return state.since is None or (since is not None and since >= state.since)


def _fetch_all(this: _Crawl, state: CrawlState) -> int:
    """First crawl, by creation: every page is stored with the cursor behind it.

    The watermark is the newest update at the time of the first page, so that what changes while
    later pages are fetched is seen by the next crawl.
    """
    fetched = 0
    for page, cost in _pages(this, cursor=state.cursor, newest_first=False):
        if state.cursor is None:
            state = replace(state, watermark=page.newest_update)
        state = replace(_charged(state, cost), cursor=page.cursor, complete=not page.more)
        this.store.save_page(this.repo, page.pulls, state)
        fetched += len(page.pulls)
        this.progress("pulls", fetched, page.total)
        if this.limit is not None and fetched >= this.limit:
            break
    return fetched


def _fetch_newer(this: _Crawl, state: CrawlState, *, until: datetime | None) -> int:
    """Later crawls, by update: from the newest back to *until*, where the known begins.

    The watermark moves only with the last page: a crawl cut short starts again at the newest.
    """
    fetched, newest = 0, state.watermark
    for page, cost in _pages(this, cursor=None, newest_first=True):
        newest = max(filter(None, (newest, page.newest_update)), default=None)
        fresh = [pull for pull in page.pulls if until is None or pull.updated_at >= until]
        state = _charged(state, cost)
        done = len(fresh) < len(page.pulls) or not page.more
        stored = replace(state, complete=True, watermark=newest) if done else _kept(this, state)
        this.store.save_page(this.repo, fresh, stored)
        fetched += len(fresh)
        this.progress("pulls", fetched, page.total)
        if done or (this.limit is not None and fetched >= this.limit):
            break
    return fetched


def _kept(this: _Crawl, state: CrawlState) -> CrawlState:
    """The stored state with nothing but its cost brought up to date."""
    before = this.store.crawl_state(this.repo)
    return replace(before, requests=state.requests, points=state.points)


def _pages(
    this: _Crawl, *, cursor: str | None, newest_first: bool
) -> Iterator[tuple[PullPage, tuple[int, int]]]:
    """Pages, each with the (requests, points) it took."""
    largest = min(LARGEST_PAGE, this.limit or LARGEST_PAGE)
    client = this.client
    before = client.requests, client.points
    for page in pull_pages(
        client, this.repo, cursor=cursor, newest_first=newest_first, largest=largest
    ):
        yield page, (client.requests - before[0], client.points - before[1])
        before = client.requests, client.points


def _charged(state: CrawlState, cost: tuple[int, int]) -> CrawlState:
    return replace(state, requests=state.requests + cost[0], points=state.points + cost[1])


def _answers(this: _Crawl, found: Sequence[Survey]) -> dict[tuple[str, int], Issue | str]:
    """Every linked issue, or why it is missing, from the store or else from GitHub."""
    keys = dict.fromkeys((link.repo, link.number) for one in found for link in one.links)
    known = {key: this.store.issue(*key) for key in keys}
    wanted = [IssueRef(repo=key[0], number=key[1]) for key, it in known.items() if it is None]
    answers = {key: it for key, it in known.items() if it is not None}
    if not wanted:
        return answers
    before = this.client.requests, this.client.points
    batch = fetch_issues(this.client, wanted)
    this.store.save_issues(batch.issues, batch.missing)
    cost = this.client.requests - before[0], this.client.points - before[1]
    state = this.store.crawl_state(this.repo)
    this.store.save_page(this.repo, (), _charged(state, cost))
    return answers | {(it.repo, it.number): it for it in batch.issues} | dict(batch.missing)
