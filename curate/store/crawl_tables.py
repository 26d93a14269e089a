"""Tables of a crawl: its progress, PRs, issues, and which PR claims to close which issue."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from curate.core.model import CrawlState, Issue, IssueLink, IssueRef, PullRequest
from curate.store.database import Database
from curate.store.serialization import from_json, to_json

_MOVED = "moved-to "  # followed by "owner/name#number", in the column `missing`
_MAX_MOVES = 10  # moves of one issue that are followed

_DELETE_DECISIONS = """
DELETE FROM decisions WHERE (repo, number) IN (
    SELECT repo, number FROM claims WHERE issue_repo = ? AND issue_number = ?)
  AND EXISTS (SELECT 1 FROM issues WHERE repo = ? AND number = ?)
"""


class CrawlTables:
    """The part of the store that a crawl writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def crawl_state(self, repo: str) -> CrawlState:
        """Return the progress of the crawl of *repo*; a default state if it was never crawled."""
        row = self._database.fetch_one("SELECT data FROM crawls WHERE repo = ?", repo)
        return from_json(CrawlState, row[0]) if row else CrawlState()

    def save_page(self, repo: str, pulls: Sequence[PullRequest], state: CrawlState) -> int:
        """Save a page of PRs and the crawl state after it in one transaction.

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
        """Return the stored version of one PR."""
        row = self._database.fetch_one(
            "SELECT data FROM pulls WHERE repo = ? AND number = ?", repo, number
        )
        return from_json(PullRequest, row[0]) if row else None

    def count_pulls(self, repo: str) -> int:
        """Return the number of stored PRs of *repo*."""
        return self._database.count_rows("pulls WHERE repo = ?", repo)

    def list_needed_commits(self, repo: str, without_head: str) -> list[str]:
        """Return base and head commits of all candidates of *repo*; takes milliseconds.

        Candidates whose base commit rule is *without_head* were made from another commit than that.
        """
        query = (
            "SELECT json_extract(data, '$.base_commit') FROM candidates WHERE repo = ?1"
            " UNION SELECT json_extract(data, '$.head_commit') FROM candidates"
            " WHERE repo = ?1 AND json_extract(data, '$.base_commit_rule') <> ?2"
        )
        return [row[0] for row in self._database.fetch_all(query, repo, without_head)]

    def iter_pulls(self, repo: str) -> Iterator[PullRequest]:
        """All stored PRs of *repo*, by number."""
        query = "SELECT data FROM pulls WHERE repo = ? ORDER BY number"
        yield from (from_json(PullRequest, row[0]) for row in self._database.fetch_all(query, repo))

    def decision_keys(self, repo: str) -> dict[int, str]:
        """Return `inputs_hash` by PR number, for decisions whose PR has not changed since."""
        query = "SELECT number, inputs_hash FROM pulls JOIN decisions USING (repo, number, hash)"
        return dict(self._database.fetch_all(f"{query} WHERE repo = ?", repo))

    def save_issues(
        self,
        issues: Sequence[Issue],
        missing: Mapping[tuple[str, int], str] | None = None,
        moved: Mapping[tuple[str, int], IssueRef] | None = None,
    ) -> None:
        """Save issues, the reason for each number that is not an issue, and where others are now.

        Decisions on PRs that claim an issue stored before are deleted, so they are made again.
        """
        targets = {key: f"{_MOVED}{ref.repo}#{ref.number}" for key, ref in (moved or {}).items()}
        rows: list[tuple[Any, ...]] = [(i.repo, i.number, to_json(i), None) for i in issues]
        rows += [(*key, None, reason) for key, reason in {**(missing or {}), **targets}.items()]
        with self._database.transaction() as database:
            database.executemany(_DELETE_DECISIONS, [(*row[:2], *row[:2]) for row in rows])
            database.executemany("INSERT OR REPLACE INTO issues VALUES (?, ?, ?, ?)", rows)

    def save_edits(self, issues: Sequence[Issue]) -> None:
        """Save stored issues with more of their edits; decisions on them stay."""
        rows = [(to_json(i), i.repo, i.number) for i in issues]
        with self._database.transaction() as database:
            database.executemany("UPDATE issues SET data = ? WHERE repo = ? AND number = ?", rows)

    def save_claims(self, repo: str, claims: Mapping[int, Sequence[IssueLink | IssueRef]]) -> None:
        """Save which issues PRs of *repo* claim to close, replacing their earlier claims."""
        rows = [
            (repo, number, link.repo, link.number)
            for number, links in claims.items()
            for link in links
        ]
        with self._database.transaction() as database:
            delete = "DELETE FROM claims WHERE repo = ? AND number = ?"
            database.executemany(delete, [(repo, number) for number in claims])
            database.executemany("INSERT OR IGNORE INTO claims VALUES (?, ?, ?, ?)", rows)

    def claimed_issues(self, repo: str, *, external: bool, missing: str) -> list[IssueRef]:
        """Return the issues that PRs of *repo* claim to close and that are stored or *missing*.

        *missing* is the reason of those that may appear; *external* selects the issues of other
        repositories instead of those of *repo*.
        """
        query = (
            "SELECT DISTINCT i.repo, i.number FROM claims c"
            " JOIN issues i ON i.repo = c.issue_repo AND i.number = c.issue_number"
            " WHERE c.repo = ?1 AND (i.repo != ?1) = ?2"
            " AND (i.data IS NOT NULL OR i.missing = ?3) ORDER BY 1, 2"
        )
        rows = self._database.fetch_all(query, repo, external, missing)
        return [IssueRef(repo=row[0], number=row[1]) for row in rows]

    def claimants(self, repo: str, refs: Iterable[IssueRef]) -> list[int]:
        """Return the numbers of the PRs of *repo* that claim to close any of *refs*, ascending."""
        query = "SELECT number FROM claims WHERE issue_repo = ? AND issue_number = ? AND repo = ?"
        rows = [self._database.fetch_all(query, ref.repo, ref.number, repo) for ref in refs]
        return sorted({row[0] for found in rows for row in found})

    def get_issue(self, repo: str, number: int) -> Issue | str | None:
        """Return an issue, the reason why it is missing, or None if it was never requested.

        An issue that has moved is returned with its present repository and number.
        """
        query = "SELECT data, missing FROM issues WHERE repo = ? AND number = ?"
        for _ in range(_MAX_MOVES):
            row = self._database.fetch_one(query, repo, number)
            if row is None:
                return None
            if row[0] is not None:
                return from_json(Issue, row[0])
            if not row[1].startswith(_MOVED):
                return str(row[1])
            repo, _, digits = row[1].removeprefix(_MOVED).rpartition("#")
            number = int(digits)
        return None


def _content_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
