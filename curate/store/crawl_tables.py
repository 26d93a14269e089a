"""What a crawl has brought: how far it is, pulls, issues, and which pull claims which issue."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curate.core.model import CrawlState, Issue, IssueLink, IssueRef, PullRequest
from curate.store.database import Database
from curate.store.serialization import from_json, to_json

_UNDECIDE = """
DELETE FROM decisions WHERE (repo, number) IN (
    SELECT repo, number FROM claims WHERE issue_repo = ? AND issue_number = ?)
  AND EXISTS (SELECT 1 FROM issues WHERE repo = ? AND number = ?)
"""


class CrawlTables:
    """The part of the store that a crawl fills."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def crawl_state(self, repo: str) -> CrawlState:
        """How far the crawl of *repo* is; a fresh state for a repository never crawled."""
        row = self._database.fetch_one("SELECT data FROM crawls WHERE repo = ?", repo)
        return from_json(CrawlState, row[0]) if row else CrawlState()

    def save_page(self, repo: str, pulls: Sequence[PullRequest], state: CrawlState) -> int:
        """Save a page of pulls and the state that goes on after it, together.

        Returns how many of *pulls* were new or had changed.
        """
        rows = [(p.repo, p.number, _content_hash(to_json(p)), to_json(p)) for p in pulls]
        same = "pulls WHERE repo = ? AND number = ? AND hash = ?"
        known = sum(self._database.count_rows(same, *row[:3]) for row in rows)
        with self._database.transaction() as database:
            database.executemany("INSERT OR REPLACE INTO pulls VALUES (?, ?, ?, ?)", rows)
            database.execute("INSERT OR REPLACE INTO crawls VALUES (?, ?)", (repo, to_json(state)))
        return len(rows) - known

    def get_pull(self, repo: str, number: int) -> PullRequest | None:
        """One pull as last seen."""
        row = self._database.fetch_one(
            "SELECT data FROM pulls WHERE repo = ? AND number = ?", repo, number
        )
        return from_json(PullRequest, row[0]) if row else None

    def count_pulls(self, repo: str) -> int:
        """How many pulls of *repo* are stored."""
        return self._database.count_rows("pulls WHERE repo = ?", repo)

    def iter_pulls(self, repo: str) -> Iterator[PullRequest]:
        """All pulls as last seen, by number."""
        query = "SELECT data FROM pulls WHERE repo = ? ORDER BY number"
        yield from (from_json(PullRequest, row[0]) for row in self._database.fetch_all(query, repo))

    def decision_keys(self, repo: str) -> dict[int, str]:
        """What the decisions on pulls rest on, for those whose pull has not changed since."""
        query = "SELECT number, inputs_hash FROM pulls JOIN decisions USING (repo, number, hash)"
        return dict(self._database.fetch_all(f"{query} WHERE repo = ?", repo))

    def save_issues(
        self, issues: Sequence[Issue], missing: Mapping[tuple[str, int], str] | None = None
    ) -> None:
        """Save issues, and for numbers that are no issue the reason why.

        Pulls that claim one of them are undecided again, except where nothing was stored before.
        """
        gone: list[tuple[Any, ...]] = [
            (repo, number, None, why) for (repo, number), why in (missing or {}).items()
        ]
        rows: list[tuple[Any, ...]] = [(i.repo, i.number, to_json(i), None) for i in issues]
        with self._database.transaction() as database:
            database.executemany(_UNDECIDE, [(*row[:2], *row[:2]) for row in rows + gone])
            database.executemany("INSERT OR REPLACE INTO issues VALUES (?, ?, ?, ?)", rows + gone)

    def save_claims(self, repo: str, claims: Mapping[int, Sequence[IssueLink]]) -> None:
        """Save which issues pulls of *repo* claim, in place of what they claimed before."""
        rows = [
            (repo, number, link.repo, link.number)
            for number, links in claims.items()
            for link in links
        ]
        with self._database.transaction() as database:
            gone = "DELETE FROM claims WHERE repo = ? AND number = ?"
            database.executemany(gone, [(repo, number) for number in claims])
            database.executemany("INSERT OR IGNORE INTO claims VALUES (?, ?, ?, ?)", rows)

    def external_issues(self, repo: str) -> list[IssueRef]:
        """Stored issues of other repositories that pulls of *repo* claim."""
        query = (
            "SELECT DISTINCT i.repo, i.number FROM claims c"
            " JOIN issues i ON i.repo = c.issue_repo AND i.number = c.issue_number"
            " WHERE c.repo = ?1 AND i.repo != ?1 AND i.data IS NOT NULL ORDER BY 1, 2"
        )
        rows = self._database.fetch_all(query, repo)
        return [IssueRef(repo=row[0], number=row[1]) for row in rows]

    def get_issue(self, repo: str, number: int) -> Issue | str | None:
        """An issue, or the reason it is none, or None when nobody has asked yet."""
        row = self._database.fetch_one(
            "SELECT data, missing FROM issues WHERE repo = ? AND number = ?", repo, number
        )
        if row is None:
            return None
        return row[1] if row[0] is None else from_json(Issue, row[0])


def _content_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
