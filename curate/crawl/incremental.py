"""How far a later crawl has to go, and what is known after it."""

from dataclasses import replace
from datetime import datetime

from curate.core.model import CrawlState, IncrementalCrawl


def plan_incremental_crawl(state: CrawlState, since: datetime | None) -> IncrementalCrawl | None:
    """Return the incremental crawl to run, resuming an interrupted one.

    None if a full first crawl is needed instead.
    """
    if state.is_complete and _is_covered(state, since):
        fresh = IncrementalCrawl(until=state.watermark, since=state.since)
    elif since and state.cursor is None:
        fresh = IncrementalCrawl(until=since, since=since)
    else:
        return None
    unfinished = state.incremental_crawl
    if unfinished is None:
        return fresh
    until = min(fresh.until, unfinished.until) if fresh.until and unfinished.until else None
    since = min(fresh.since, unfinished.since) if fresh.since and unfinished.since else None
    return replace(unfinished, until=until, since=since)


def finish_incremental_crawl(state: CrawlState, incremental: IncrementalCrawl) -> CrawlState:
    """Return the state after *incremental* has reached the watermark."""
    newest = max(filter(None, (state.watermark, incremental.newest_update)), default=None)
    return replace(
        state, is_complete=True, watermark=newest, since=incremental.since, incremental_crawl=None
    )


def _is_covered(state: CrawlState, since: datetime | None) -> bool:
    return state.since is None or (since is not None and since >= state.since)
