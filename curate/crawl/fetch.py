"""First half of a crawl: PRs and issues of one repository, from GitHub into the store.

Every page is stored together with the cursor after it, so an interrupted crawl never requests a
stored page again. Decisions on PRs are made elsewhere (`curate.crawl.decide`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from curate.core.model import (
    CrawlState,
    IncrementalCrawl,
    Issue,
    IssueLink,
    IssueRef,
    PullRequest,
)
from curate.crawl.incremental import finish_incremental_crawl, plan_incremental_crawl
from curate.crawl.rejections import PULL_NOT_FOUND
from curate.crawl.stored_issues import (
    add_edits_to_issue,
    add_present_places,
    is_elsewhere,
    is_outdated,
    is_stale,
    list_text_ids,
)
from curate.github.batch_query import complete_pulls, fetch_pulls
from curate.github.client import GitHubClient
from curate.github.edits import fetch_edits, make_text_batch_size
from curate.github.issues import (
    NOT_FOUND,
    IssueBatch,
    IssueVersions,
    fetch_changed_issues,
    fetch_issues,
    fetch_versions,
    make_issue_batch_size,
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
        self._issue_batch, self._text_batch = make_issue_batch_size(), make_text_batch_size()
        self._first_page: PullPage | None = None  # of this call

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
        (none if none was), and one per 100 linked issues of other repositories.
        """
        state = self.store.crawl_state(self.repo)
        newest = self._first_page.newest_issue if self._first_page else None
        if state.issues_watermark is None:
            return self._advance_issues_watermark(newest)
        count = self._refresh_stale(self._fetch_versions(external=True))
        if newest is None or newest <= state.issues_watermark:
            return count
        for page in fetch_changed_issues(self.client, self.repo, state.issues_watermark):
            count += self._refresh_stale(page)
            seen = [version.updated_at for version in page.values() if version]
            self._advance_issues_watermark(max(seen, default=None))
        return count

    def refresh_vanished(self) -> int:
        """Look again for stored issues and candidates if GitHub no longer has some numbers.

        Issues are deleted, transferred or converted to discussions without a change of their own
        that a later crawl could see, but then a number is missing in the sequence that issues and
        PRs share. Call it after `refresh_changed_issues`; it returns the number of issues fetched.
        Costs nothing if no number is missing that was there before, else one request per 100
        linked issues and one per 50 candidates.
        """
        page, state = self._first_page, self.store.crawl_state(self.repo)
        if page is None:
            return 0
        last_number = max(state.last_number, page.last_number)
        gaps = last_number - page.known_numbers
        if gaps == state.gaps:
            return 0
        count = self._refresh_stale(self._fetch_versions(external=False))
        gone = self.store.rejections_by_reason(self.repo, PULL_NOT_FOUND)
        self._refresh_pulls([*self.store.candidate_numbers(self.repo), *gone])
        state = self.store.crawl_state(self.repo)
        self._save_with_cost((), replace(state, last_number=last_number, gaps=gaps))
        return count

    def resolve_issues(
        self, claims: Mapping[int, Sequence[IssueLink]]
    ) -> dict[tuple[str, int], Issue | str]:
        """Return every linked issue, or the reason why it is missing, from the store or GitHub.

        *claims* are the issue links by PR number. They are stored, so that a later change of the
        issue leads to a new decision on the PR. An issue that has moved is returned for each of
        its places.
        """
        keys = dict.fromkeys((it.repo, it.number) for links in claims.values() for it in links)
        known = {key: self.store.get_issue(*key) for key in keys}
        answers = {key: it for key, it in known.items() if it is not None and not is_outdated(it)}
        missing_refs = [IssueRef(repo=key[0], number=key[1]) for key in keys if key not in answers]
        for batch in self._fetch_issues(missing_refs):
            found = {(it.repo, it.number): it for it in batch.issues}
            places = {key: found[ref.repo, ref.number] for key, ref in batch.moved.items()}
            answers |= found | places | dict(batch.missing)
        self.store.save_claims(self.repo, add_present_places(claims, answers))
        return answers

    def add_edits(
        self, answers: Mapping[tuple[str, int], Issue | str], node_ids: Sequence[str]
    ) -> dict[tuple[str, int], Issue | str]:
        """Add the earlier versions of the texts with *node_ids* to *answers*, and store them.

        Costs one request per 100 texts.
        """
        edits = fetch_edits(self.client, node_ids, self._text_batch) if node_ids else {}
        changed = {
            key: add_edits_to_issue(it, edits)
            for key, it in answers.items()
            if isinstance(it, Issue) and not edits.keys().isdisjoint(list_text_ids(it))
        }
        self.store.save_edits(list(changed.values()))
        self._save_cost()
        return {**answers, **changed}

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
            self._first_page = self._first_page or page
            yield page

    def _names(self) -> Mapping[str, str]:
        """The spelling of repository names to use, by case-folded names of GitHub."""
        return {self._first_page.name.casefold(): self.repo} if self._first_page else {}

    def _fetch_versions(self, *, external: bool) -> IssueVersions:
        """Fetch the versions of linked issues that are stored or were not found."""
        refs = self.store.claimed_issues(self.repo, external=external, missing=NOT_FOUND)
        return fetch_versions(self.client, refs)

    def _refresh_stale(self, seen: IssueVersions) -> int:
        """Fetch issues again that have changed, vanished or come back; return their number.

        Of an issue that is no longer where it was, the PRs that claim it are read first, because
        GitHub's references to it have changed with it.
        """
        known = {ref: self.store.get_issue(ref.repo, ref.number) for ref in seen}
        stale = [ref for ref, version in seen.items() if is_stale(known[ref], version)]
        gone = [ref for ref in stale if is_elsewhere(known[ref], seen[ref])]
        self._refresh_pulls(self.store.claimants(self.repo, gone))
        for _ in self._fetch_issues(stale):
            pass
        return len(stale)

    def _refresh_pulls(self, numbers: Sequence[int]) -> None:
        """Fetch stored PRs again and mark those that are gone."""
        for batch in fetch_pulls(self.client, self.repo, numbers, self._names()):
            gone = (self.store.get_pull(self.repo, n) for n, pull in batch.items() if not pull)
            marked = [replace(pull, is_gone=True) for pull in gone if pull]
            pulls = [*filter(None, batch.values()), *marked]
            self._save_with_cost(pulls, self.store.crawl_state(self.repo))

    def _fetch_issues(self, refs: Sequence[IssueRef]) -> Iterable[IssueBatch]:
        """Fetch and store issues, batch by batch."""
        if not refs:
            return
        size, names = self._issue_batch, self._names()
        for batch in fetch_issues(self.client, refs, home=self.repo, names=names, size=size):
            self.store.save_issues(batch.issues, batch.missing, batch.moved)
            self._save_cost()
            yield batch

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
