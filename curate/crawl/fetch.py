"""First half of a crawl: PRs and issues of one repository, from GitHub into the store.

Every page is stored together with the cursor after it, so an interrupted crawl never requests a
stored page again. Decisions on PRs are made elsewhere (`curate.crawl.decide`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from curate.core.model import CrawlState, IncrementalCrawl, Issue, IssueLink, IssueRef, PullRequest
from curate.github.batch_query import complete_pulls
from curate.github.client import GitHubClient
from curate.github.issues import (
    MALFORMED,
    NOT_FOUND,
    UpdateTimes,
    fetch_changed_issues,
    fetch_issues,
    fetch_update_times,
)
from curate.github.pulls import LARGEST_PAGE, PullPage, fetch_pull_pages
from curate.store.store import Store

ProgressCallback = Callable[[str, int, int], None]
"""Called with a phase ("pulls", "decisions", "candidates"), the count so far and the total."""


class GitHubFetcher:
    """Fetches what the store lacks of one repository, and records requests and points spent."""

    def __init__(
        self,
        repo: str,
        *,
        store: Store,
        client: GitHubClient,
        since: datetime | None = None,
        limit: int | None = None,
        progress: ProgressCallback = lambda phase, done, total: None,
    ) -> None:
        """*since*: only PRs merged then or later; *limit*: stop after so many PRs."""
        self.repo = repo
        self.store = store
        self.client = client
        self.since = since
        self.limit = limit
        self.progress = progress
        self._charged = client.requests, client.points
        self._newest_issue: datetime | None = None

    def fetch_pulls(self) -> int:
        """Store new and changed PRs; return their number.

        A first crawl goes by creation date, oldest first. A later one, or one with *since*, goes
        by update, newest first, back to the watermark.
        """
        state = self.store.crawl_state(self.repo)
        incremental = plan_incremental_crawl(state, self.since)
        if incremental is None:
            return self._initial_crawl(
                replace(state, is_complete=False, since=None, incremental_crawl=None)
            )
        return self._incremental_crawl(state, incremental)

    def refresh_changed_issues(self) -> int:
        """Fetch stored issues again that have changed; return their number.

        Call it after `fetch_pulls`. Costs one request per 100 issues updated in the repository
        (none if none was), and one per 100 stored issues of other repositories.
        """
        state = self.store.crawl_state(self.repo)
        newest = self._newest_issue
        if state.issues_watermark is None:
            return self._advance_issues_watermark(newest)
        count = self._refresh_stale(
            fetch_update_times(self.client, self.store.external_issues(self.repo))
        )
        if newest is None or newest <= state.issues_watermark:
            return count
        for page in fetch_changed_issues(self.client, self.repo, state.issues_watermark):
            count += self._refresh_stale(page)
            self._advance_issues_watermark(max(filter(None, page.values()), default=None))
        return count

    def resolve_issues(
        self, claims: Mapping[int, Sequence[IssueLink]]
    ) -> dict[tuple[str, int], Issue | str]:
        """Return every linked issue, or the reason why it is missing, from the store or GitHub.

        *claims* are the issue links by PR number. They are stored, so that a later change of the
        issue leads to a new decision on the PR.
        """
        self.store.save_claims(self.repo, claims)
        keys = dict.fromkeys((it.repo, it.number) for links in claims.values() for it in links)
        known = {key: self.store.get_issue(*key) for key in keys}
        missing_refs = [IssueRef(repo=key[0], number=key[1]) for key in keys if known[key] is None]
        answers = {key: it for key, it in known.items() if it is not None}
        for issues, missing in self._fetch_issues(missing_refs):
            answers |= {(it.repo, it.number): it for it in issues} | dict(missing)
        return answers

    def complete_pulls(self, pulls: Sequence[PullRequest], *, commits: bool) -> list[PullRequest]:
        """Fetch all closing references of *pulls* and, with *commits*, their commit messages."""
        complete = complete_pulls(self.client, pulls, commits=commits) if pulls else []
        self._save_cost()
        return complete

    def _initial_crawl(self, state: CrawlState) -> int:
        """Crawl by creation date.

        The watermark is the newest update at the time of the first page, so that the next crawl
        sees what changes while later pages are fetched.
        """
        fetched, before = 0, self.store.count_pulls(self.repo) if state.cursor else 0
        for page in self._fetch_pages(cursor=state.cursor, newest_first=False):
            if state.cursor is None:
                issues = state.issues_watermark or page.newest_issue
                state = replace(state, watermark=page.newest_update, issues_watermark=issues)
            state = replace(state, cursor=page.cursor, is_complete=not page.has_next_page)
            state, _ = self._save_with_cost(page.pulls, state)
            fetched += len(page.pulls)
            self.progress("pulls", before + fetched, page.total_count)
            if self.limit is not None and fetched >= self.limit:
                break
        return fetched

    def _incremental_crawl(self, state: CrawlState, incremental: IncrementalCrawl) -> int:
        """Crawl by update, newest first, back to the watermark.

        The watermark moves only when the old one is reached. Until then *incremental* says where
        to resume; PRs updated meanwhile are newer than the next watermark.
        """
        fetched = changed = 0
        for page in self._fetch_pages(cursor=incremental.cursor, newest_first=True):
            newest = incremental.newest_update or page.newest_update
            incremental = replace(
                incremental, cursor=page.cursor or incremental.cursor, newest_update=newest
            )
            fresh = [
                it
                for it in page.pulls
                if incremental.until is None or it.updated_at >= incremental.until
            ]
            done = len(fresh) < len(page.pulls) or not page.has_next_page
            state = (
                finish_incremental_crawl(state, incremental)
                if done
                else replace(state, incremental_crawl=incremental)
            )
            state, new = self._save_with_cost(fresh, state)
            changed += new
            fetched += len(fresh)
            self.progress("pulls", fetched, fetched if done else page.total_count)
            if done or (self.limit is not None and fetched >= self.limit):
                break
        return changed

    def _fetch_pages(self, *, cursor: str | None, newest_first: bool) -> Iterator[PullPage]:
        largest = min(LARGEST_PAGE, self.limit or LARGEST_PAGE)
        for page in fetch_pull_pages(
            self.client, self.repo, cursor=cursor, newest_first=newest_first, largest=largest
        ):
            self._newest_issue = self._newest_issue or page.newest_issue
            yield page

    def _refresh_stale(self, seen: UpdateTimes) -> int:
        """Fetch issues again that were updated after they were stored; return their number."""
        stale = [ref for ref, when in seen.items() if self._is_stale(ref, when)]
        for _ in self._fetch_issues(stale):
            pass
        return len(stale)

    def _is_stale(self, ref: IssueRef, updated: datetime | None) -> bool:
        known = self.store.get_issue(ref.repo, ref.number)
        if isinstance(known, Issue):
            return updated is not None and updated > known.updated_at
        return known in (NOT_FOUND, MALFORMED) and updated is not None

    def _fetch_issues(
        self, refs: Sequence[IssueRef]
    ) -> Iterable[tuple[Sequence[Issue], Mapping[tuple[str, int], str]]]:
        """Fetch and store issues, batch by batch."""
        if not refs:
            return
        for batch in fetch_issues(self.client, refs, home=self.repo):
            self.store.save_issues(batch.issues, batch.missing)
            self._save_cost()
            yield batch.issues, batch.missing

    def _advance_issues_watermark(self, moment: datetime | None) -> int:
        """Move the issues watermark; return 0, the number of issues fetched."""
        state = self.store.crawl_state(self.repo)
        newest = max(filter(None, (state.issues_watermark, moment)), default=None)
        self._save_with_cost((), replace(state, issues_watermark=newest))
        return 0

    def _save_cost(self) -> None:
        if (self.client.requests, self.client.points) != self._charged:
            self._save_with_cost((), self.store.crawl_state(self.repo))

    def _save_with_cost(
        self, pulls: Sequence[PullRequest], state: CrawlState
    ) -> tuple[CrawlState, int]:
        """Store *pulls* and *state* plus the cost since the last call.

        Returns the stored state and the number of new or changed PRs.
        """
        spent = self.client.requests, self.client.points
        state = replace(
            state,
            requests=state.requests + spent[0] - self._charged[0],
            points=state.points + spent[1] - self._charged[1],
        )
        self._charged = spent
        return state, self.store.save_page(self.repo, pulls, state)


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
