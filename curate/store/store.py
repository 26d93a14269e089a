"""The store: one SQLite file in WAL mode, one transaction per record, large blobs beside it.

Killing the process at any moment loses at most the record in progress: a page of PRs is saved
together with its cursor, a chunk of decisions together with its candidates, a validation as a
whole.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

from curate.core.model import Candidate, Decision, Rejection, Validation
from curate.store.blobs import BlobStore
from curate.store.certifications import Certifications
from curate.store.cohorts import Cohort, read_cohorts
from curate.store.crawl_tables import CrawlTables
from curate.store.database import Database
from curate.store.derived import CHUNK_SIZE, DerivedTable
from curate.store.environment_tables import EnvironmentTables
from curate.store.eval_checks import EvalChecks
from curate.store.funnel import RepositoryFunnel, read_funnels
from curate.store.grades import Grades
from curate.store.image_tables import ImageTables
from curate.store.manual_exclusions import ManualExclusions
from curate.store.merge_tables import MergeTables
from curate.store.migrations import compute_candidate_hash
from curate.store.serialization import dumps, from_json, loads, to_json
from curate.store.shared_rows import SharedRowTables
from curate.store.unfinished import UnfinishedSteps
from curate.store.validation_row import INSERT_VALIDATION, make_validation_row
from curate.store.verdicts import note_replaced

_Row = tuple[Any, ...]

_CANDIDATES = """
FROM json_each(?) AS wanted CROSS JOIN candidates c ON c.instance_id = wanted.value
LEFT JOIN blobs p ON p.key = c.patch LEFT JOIN blobs t ON t.key = c.test_patch
"""
_FEW = 20  # validations, which are large, that are read at once
_CANDIDATE_COLUMNS = "c.data, c.patch, c.test_patch, p.data, t.data"


class Store(CrawlTables, EnvironmentTables, ImageTables, MergeTables):
    """All of curate's state, in one directory. Safe to use from several threads."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        super().__init__(Database(folder, read_only=read_only))
        self.blobs = BlobStore(folder / "blobs", self._database)
        self.unfinished = UnfinishedSteps(self._database)
        self.derived = DerivedTable(self._database)
        self.eval_checks = EvalChecks(self._database)
        self.grades = Grades(self._database)
        self.certifications = Certifications(self._database)
        self.shared_rows = SharedRowTables(self._database, self.blobs)
        self.manual_exclusions = ManualExclusions(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; everything is committed already."""
        self._database.close()

    def save_candidate(self, candidate: Candidate) -> None:
        """Save a candidate and the decision on its PR in one transaction."""
        self.save_decisions(
            candidate.repo, [Decision(number=candidate.pull_number, outcome=candidate)]
        )

    def reject_pull(self, repo: str, number: int, rejection: Rejection) -> None:
        """Save the rejection of a PR and delete its candidate, if there is one."""
        self.save_decisions(repo, [Decision(number=number, outcome=rejection)])

    def save_decisions(self, repo: str, decisions: Iterable[Decision]) -> None:
        """Save decisions on PRs of *repo* with their candidates in one transaction.

        *decisions* may be a generator: patches are written to the blob store one by one before
        the transaction begins.
        """
        rows = [self._decision_rows(repo, decision) for decision in decisions]
        candidate_rows = [candidate for _, candidate in rows if candidate]
        with self._database.transaction() as database:
            database.executemany(
                "DELETE FROM candidates WHERE repo = ? AND number = ?",
                [(repo, decision[-1]) for decision, candidate in rows if not candidate],
            )
            database.executemany(
                "INSERT OR REPLACE INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?)", candidate_rows
            )
            database.executemany(
                "INSERT OR REPLACE INTO decisions SELECT repo, number, hash, ?, ?, ?, ?, ?"
                " FROM pulls WHERE repo = ? AND number = ?",
                [decision for decision, _ in rows],
            )

    def rejections_by_reason(self, repo: str, reason: str) -> dict[int, Rejection]:
        """Return the rejections of *repo* with *reason*, by PR number."""
        query = (
            "SELECT number, stage, reason, detail FROM decisions"
            " WHERE repo = ? AND reason = ? ORDER BY number"
        )
        rows = self._database.fetch_all(query, repo, reason)
        return {row[0]: Rejection(stage=row[1], reason=row[2], detail=row[3]) for row in rows}

    def get_rejection(self, repo: str, number: int) -> Rejection | None:
        """Return the rejection of a PR; None if there is none."""
        row = self._database.fetch_one(
            "SELECT stage, reason, detail FROM decisions"
            " WHERE repo = ? AND number = ? AND stage IS NOT NULL",
            repo,
            number,
        )
        return Rejection(stage=row[0], reason=row[1], detail=row[2]) if row else None

    def candidate_hashes(self, repo: str | None = None) -> dict[str, str]:
        """Return a hash of each candidate by instance id, ordered by repository and number."""
        query = (
            "SELECT instance_id, hash FROM candidates"
            " WHERE ?1 IS NULL OR repo = ?1 ORDER BY repo, number, instance_id"
        )
        return dict(self._database.fetch_all(query, repo))

    def candidate_repositories(self) -> dict[str, str]:
        """Return the repository of each candidate by instance id."""
        return dict(self._database.fetch_all("SELECT instance_id, repo FROM candidates"))

    def iter_candidates(
        self, repo: str | None = None, *, ids: Iterable[str] | None = None
    ) -> Iterator[Candidate]:
        """Candidates with their patches, ordered by repository and number.

        With *ids*, those that exist, in the given order. Only a few are in memory at once.
        """
        wanted = list(self.candidate_hashes(repo) if ids is None else ids)
        query = f"SELECT wanted.key, {_CANDIDATE_COLUMNS} {_CANDIDATES}"
        for start in range(0, len(wanted), CHUNK_SIZE):
            rows = self._fetch_in_order(query, wanted[start : start + CHUNK_SIZE])
            yield from map(self._load_candidate, rows)

    def iter_candidate_heads(
        self, repo: str | None = None, *, ids: Iterable[str] | None = None
    ) -> Iterator[tuple[Candidate, tuple[str, str]]]:
        """Like `iter_candidates`, but with the SHA-256 of patch and test patch instead of both."""
        wanted = list(self.candidate_hashes(repo) if ids is None else ids)
        query = (
            "SELECT wanted.key, c.data, c.patch, c.test_patch FROM json_each(?) AS wanted"
            " CROSS JOIN candidates c ON c.instance_id = wanted.value"
        )
        for start in range(0, len(wanted), CHUNK_SIZE):
            for row in self._fetch_in_order(query, wanted[start : start + CHUNK_SIZE]):
                yield from_json(Candidate, row[1]), (row[2], row[3])

    def candidate_numbers(self, repo: str) -> list[int]:
        """Return the PR numbers of the candidates of *repo*, ascending."""
        query = "SELECT number FROM candidates WHERE repo = ? ORDER BY number"
        return [row[0] for row in self._database.fetch_all(query, repo)]

    def newest_base_commits(self, repo: str, count: int = -1) -> list[str]:
        """Return the distinct base commits of the *count* newest candidates of *repo*; -1 = all."""
        query = "SELECT data FROM candidates WHERE repo = ? ORDER BY number DESC LIMIT ?"
        rows = self._database.fetch_all(query, repo, count)
        return list(dict.fromkeys(from_json(Candidate, row[0]).base_commit for row in rows))

    def get_candidate(self, instance_id: str) -> Candidate | None:
        """Return one candidate with its patches; None if unknown."""
        return next(self.iter_candidates(ids=[instance_id]), None)

    def get_validation(self, instance_id: str) -> Validation | None:
        """Return the latest validation of a candidate; None if there is none."""
        row = self._database.fetch_one(
            "SELECT data FROM validations WHERE instance_id = ?", instance_id
        )
        return loads(Validation, row[0]) if row else None

    def validated_inputs(self, *, rejected: bool = True) -> dict[str, str]:
        """Return `inputs_hash` by instance id, with or without the *rejected* ones."""
        query = "SELECT instance_id, inputs_hash FROM validations WHERE stage IS NULL OR ?"
        return {row[0]: row[1] for row in self._database.fetch_all(query, rejected)}

    def validation_hashes(self) -> dict[str, str]:
        """Return a hash of each validation by instance id, sorted."""
        query = "SELECT instance_id, hash FROM validations ORDER BY instance_id"
        return dict(self._database.fetch_all(query))

    def newest_validations(self, repo: str, count: int) -> Iterator[Validation]:
        """Up to *count* validations of *repo*, the newest first."""
        query = (
            "SELECT data FROM validations WHERE instance_id IN (SELECT instance_id FROM validations"
            " WHERE repo = ? ORDER BY finished_at DESC, instance_id LIMIT ?)"
        )
        for row in self._database.fetch_all(query, repo, count):
            yield loads(Validation, row[0])

    def save_validation(self, repo: str, validation: Validation) -> None:
        """Save a finished validation, replacing the previous one and its steps."""
        row = make_validation_row(repo, validation, dumps(validation))
        with self._database.transaction() as database:
            note_replaced(database, validation)
            database.execute(INSERT_VALIDATION, row)
            database.execute(
                "DELETE FROM unfinished WHERE instance_id = ?", (validation.instance_id,)
            )

    def verified_inputs(self) -> dict[str, str]:
        """Return a key of each verified candidate and its validation, by instance id; cheap.

        Ordered by repository and number. The key changes whenever one of both is replaced.
        """
        query = (
            "SELECT v.instance_id, c.repo, c.number, c.hash || ' ' || v.hash"
            " FROM validations v INDEXED BY validations_state"
            " CROSS JOIN candidates c INDEXED BY candidates_id USING (instance_id)"
            " WHERE v.stage IS NULL"
        )
        rows = sorted(self._database.fetch_all(query), key=lambda row: (row[1], row[2], row[0]))
        return {row[0]: row[3] for row in rows}

    def iter_verified(
        self, ids: Iterable[str] | None = None
    ) -> Iterator[tuple[Candidate, Validation]]:
        """Verified candidates with their validations, ordered by repository and number.

        With *ids*, those of them, in the given order. Only a few are in memory at once.
        """
        wanted = list(self.verified_inputs() if ids is None else ids)
        query = (
            f"SELECT wanted.key, {_CANDIDATE_COLUMNS}, v.data {_CANDIDATES} JOIN validations v"
            " ON v.instance_id = c.instance_id WHERE v.stage IS NULL"
        )
        for start in range(0, len(wanted), _FEW):
            for row in self._fetch_in_order(query, wanted[start : start + _FEW]):
                yield self._load_candidate(row), loads(Validation, row[6])

    def find_repo(self, name: str) -> str:
        """Return the stored repository that equals *name* ignoring case; *name* if none does."""
        for query in (
            "SELECT repo FROM crawls WHERE repo = ? COLLATE NOCASE ORDER BY repo = ?1 DESC",
            "SELECT repo FROM candidates WHERE repo = ? COLLATE NOCASE ORDER BY repo = ?1 DESC",
        ):
            row = self._database.fetch_one(f"{query} LIMIT 1", name)
            if row:
                return str(row[0])
        return name

    def list_repositories(self) -> tuple[str, ...]:
        """Return the crawled repositories, sorted."""
        return tuple(
            row[0] for row in self._database.fetch_all("SELECT repo FROM crawls ORDER BY repo")
        )

    def list_funnels(self) -> tuple[RepositoryFunnel, ...]:
        """Return the funnels of all crawled repositories, sorted by name."""
        counted = read_funnels(self._database)
        return tuple(
            counted.get(repo) or RepositoryFunnel(repo=repo) for repo in self.list_repositories()
        )

    def list_cohorts(self) -> list[Cohort]:
        """Return the pull requests by repository and month, and how far they came."""
        return read_cohorts(self._database)

    def _fetch_in_order(self, query: str, ids: Sequence[str]) -> list[_Row]:
        """Return the rows of *query* by their first column, the position in *ids*.

        SQLite would copy all columns to sort them.
        """
        return sorted(self._database.fetch_all(query, json.dumps(ids)), key=itemgetter(0))

    def _load_candidate(self, row: Sequence[Any]) -> Candidate:
        _, data, *keys = row[:4]
        candidate = from_json(Candidate, data)
        patch, test_patch = map(self.blobs.get, keys, row[4:6])
        return replace(candidate, patch=patch, test_patch=test_patch)

    def _decision_rows(self, repo: str, decision: Decision) -> tuple[_Row, _Row | None]:
        """Return the row for the table `decisions`, and that for `candidates` if accepted."""
        outcome, number = decision.outcome, decision.number
        if isinstance(outcome, Rejection):
            rejection_columns = outcome.stage, outcome.reason, outcome.detail
            return (None, *rejection_columns, decision.inputs_hash, repo, number), None
        data = to_json(replace(outcome, patch=b"", test_patch=b""))
        blobs = self.blobs.put(outcome.patch), self.blobs.put(outcome.test_patch)
        ids = outcome.instance_id, outcome.repo, outcome.pull_number
        row = *ids, data, *blobs, compute_candidate_hash(data, *blobs)
        return (outcome.instance_id, None, None, None, decision.inputs_hash, repo, number), row
