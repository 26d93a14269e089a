"""The fetching half of a crawl: pulls and issues of one repository, from GitHub into the store.

Every page is stored together with the place behind it, so a crawl that was cut short, at whatever
moment, asks for no stored page again. Nothing here decides what becomes of a pull.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from curate.core.model import CrawlState, Issue, IssueRef, Link, PullRequest, Sweep
from curate.github.batch_query import completed
from curate.github.client import GitHubClient
from curate.github.issues import NOT_FOUND, Updates, changed_issues, issue_batches, updates
from curate.github.pulls import LARGEST_PAGE, PullPage, pull_pages
from curate.store.store import Store

Progress = Callable[[str, int, int], None]
"""Called with a phase ("pulls", "decisions", "candidates"), how many, and of how many."""


class Fetcher:
    """Asks GitHub for what the store lacks of one repository, and charges the crawl for it."""

    def __init__(
        self,
        repo: str,
        *,
        store: Store,
        client: GitHubClient,
        since: datetime | None = None,
        limit: int | None = None,
        progress: Progress = lambda phase, done, total: None,
    ) -> None:
        """*since*: only what was merged then or later; *limit*: stop after so many pulls."""
        self.repo = repo
        self.store = store
        self.client = client
        self.since = since
        self.limit = limit
        self.progress = progress
        self._paid = client.requests, client.points
        self._newest_issue: datetime | None = None

    def pulls(self) -> int:
        """Store the pulls that are new or changed; how many these are.

        A first crawl goes by creation, oldest first; a later one, or one with *since*, by update,
        newest first, back to where the known begins.
        """
        state = self.store.crawl_state(self.repo)
        sweep = planned_sweep(state, self.since)
        if sweep is None:
            return self._forward(replace(state, complete=False, since=None, sweep=None))
        return self._backward(state, sweep)

    def changed_issues(self) -> int:
        """Fetch those known issues again that changed since; how many. To be called after `pulls`.

        Costs a request a hundred issues updated in the repository, none if there is none, and one
        a hundred known issues of other repositories.
        """
        state = self.store.crawl_state(self.repo)
        newest = self._newest_issue
        if state.issues_watermark is None:
            return self._issues_known_until(newest)
        count = self._refreshed(updates(self.client, self.store.foreign_issues(self.repo)))
        if newest is None or newest <= state.issues_watermark:
            return count
        for page in changed_issues(self.client, self.repo, state.issues_watermark):
            count += self._refreshed(page)
            self._issues_known_until(max(filter(None, page.values()), default=None))
        return count

    def answers(self, claims: Mapping[int, Sequence[Link]]) -> dict[tuple[str, int], Issue | str]:
        """Every claimed issue, or why it is missing, from the store or else from GitHub.

        *claims* are the links of pulls by number; they are kept, so that a later change of the
        issue leads to a new decision on the pull.
        """
        self.store.save_claims(self.repo, claims)
        keys = dict.fromkeys((it.repo, it.number) for links in claims.values() for it in links)
        known = {key: self.store.issue(*key) for key in keys}
        lacking = [IssueRef(repo=key[0], number=key[1]) for key in keys if known[key] is None]
        answers = {key: it for key, it in known.items() if it is not None}
        for issues, missing in self._fetched(lacking):
            answers |= {(it.repo, it.number): it for it in issues} | dict(missing)
        return answers

    def completed(self, pulls: Sequence[PullRequest], commits: bool) -> list[PullRequest]:
        """*pulls* with every reference GitHub lists and, if *commits*, their commits' messages."""
        full = completed(self.client, pulls, commits=commits) if pulls else []
        self._save_cost()
        return full

    def _forward(self, state: CrawlState) -> int:
        """First crawl. The watermark is the newest update at the time of the first page, so that
        what changes while later pages are fetched is seen by the next crawl.
        """
        fetched, before = 0, self.store.pull_count(self.repo) if state.cursor else 0
        for page in self._pages(cursor=state.cursor, newest_first=False):
            if state.cursor is None:
                issues = state.issues_watermark or page.newest_issue
                state = replace(state, watermark=page.newest_update, issues_watermark=issues)
            state = replace(state, cursor=page.cursor, complete=not page.more)
            state, _ = self._saved(page.pulls, state)
            fetched += len(page.pulls)
            self.progress("pulls", before + fetched, page.total)
            if self.limit is not None and fetched >= self.limit:
                break
        return fetched

    def _backward(self, state: CrawlState, sweep: Sweep) -> int:
        """Later crawl. The watermark moves when the known is reached; until then the sweep says
        where to go on, and what is updated meanwhile lies above the watermark to come.
        """
        fetched = changed = 0
        for page in self._pages(cursor=sweep.cursor, newest_first=True):
            newest = sweep.newest or page.newest_update
            sweep = replace(sweep, cursor=page.cursor or sweep.cursor, newest=newest)
            fresh = [it for it in page.pulls if sweep.until is None or it.updated_at >= sweep.until]
            done = len(fresh) < len(page.pulls) or not page.more
            state = arrived(state, sweep) if done else replace(state, sweep=sweep)
            state, new = self._saved(fresh, state)
            changed += new
            fetched += len(fresh)
            self.progress("pulls", fetched, fetched if done else page.total)
            if done or (self.limit is not None and fetched >= self.limit):
                break
        return changed

    def _pages(self, *, cursor: str | None, newest_first: bool) -> Iterator[PullPage]:
        largest = min(LARGEST_PAGE, self.limit or LARGEST_PAGE)
        for page in pull_pages(
            self.client, self.repo, cursor=cursor, newest_first=newest_first, largest=largest
        ):
            self._newest_issue = self._newest_issue or page.newest_issue
            yield page

    def _refreshed(self, seen: Updates) -> int:
        """Fetch anew what was updated after it was stored; how many issues that is."""
        stale = [ref for ref, when in seen.items() if self._stale(ref, when)]
        for _ in self._fetched(stale):
            pass
        return len(stale)

    def _stale(self, ref: IssueRef, updated: datetime | None) -> bool:
        known = self.store.issue(ref.repo, ref.number)
        if isinstance(known, Issue):
            return updated is not None and updated > known.updated_at
        return known == NOT_FOUND and updated is not None

    def _fetched(
        self, wanted: Sequence[IssueRef]
    ) -> Iterable[tuple[Sequence[Issue], Mapping[tuple[str, int], str]]]:
        """Fetch and store issues, batch by batch."""
        if not wanted:
            return
        for batch in issue_batches(self.client, wanted, home=self.repo):
            self.store.save_issues(batch.issues, batch.missing)
            self._save_cost()
            yield batch.issues, batch.missing

    def _issues_known_until(self, moment: datetime | None) -> int:
        """Move the watermark of issues; no issue was fetched for it."""
        state = self.store.crawl_state(self.repo)
        newest = max(filter(None, (state.issues_watermark, moment)), default=None)
        self._saved((), replace(state, issues_watermark=newest))
        return 0

    def _save_cost(self) -> None:
        if (self.client.requests, self.client.points) != self._paid:
            self._saved((), self.store.crawl_state(self.repo))

    def _saved(self, pulls: Sequence[PullRequest], state: CrawlState) -> tuple[CrawlState, int]:
        """Store *pulls* and *state*, the cost since the last time added; how many pulls changed."""
        now = self.client.requests, self.client.points
        state = replace(
            state,
            requests=state.requests + now[0] - self._paid[0],
            points=state.points + now[1] - self._paid[1],
        )
        self._paid = now
        return state, self.store.save_page(self.repo, pulls, state)


def planned_sweep(state: CrawlState, since: datetime | None) -> Sweep | None:
    """The way a crawl goes by update, goes on if one was cut short; None for a full first crawl."""
    if state.complete and _covers(state, since):
        fresh = Sweep(until=state.watermark, since=state.since)
    elif since and state.cursor is None:
        fresh = Sweep(until=since, since=since)
    else:
        return None
    begun = state.sweep
    if begun is None:
        return fresh
    until = min(fresh.until, begun.until) if fresh.until and begun.until else None
    since = min(fresh.since, begun.since) if fresh.since and begun.since else None
    return replace(begun, until=until, since=since)


def arrived(state: CrawlState, sweep: Sweep) -> CrawlState:
    """The state when *sweep* has reached the known."""
    newest = max(filter(None, (state.watermark, sweep.newest)), default=None)
    return replace(state, complete=True, watermark=newest, since=sweep.since, sweep=None)


def _covers(state: CrawlState, since: datetime | None) -> bool:
    return state.since is None or (since is not None and since >= state.since)
