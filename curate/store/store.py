"""The store: one SQLite file in WAL mode, one transaction a record, large blobs beside it.

Killing the process at any moment loses at most what is in flight: a page of pulls is saved together
with its cursor, a chunk of decisions together with its candidates, a validation whole.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from builders.model import RequirementsLock
from curate.core.model import Candidate, Decision, Rejection, Validation
from curate.store.blobs import BlobStore
from curate.store.crawl_tables import CrawlTables
from curate.store.database import Database
from curate.store.funnel import RepositoryFunnel, read_funnels
from curate.store.serialization import dumps, from_json, loads, to_json

_Row = tuple[Any, ...]


class Store(CrawlTables):
    """All that curate knows, in one folder. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(Database(folder))
        self.blobs = BlobStore(folder / "blobs", self._database)

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; nothing is pending."""
        self._database.close()

    # -- candidates ----------------------------------------------------------------------------

    def save_candidate(self, candidate: Candidate) -> None:
        """Save a candidate and the decision on its pull, together."""
        self.save_decisions(
            candidate.repo, [Decision(number=candidate.pull_number, outcome=candidate)]
        )

    def reject_pull(self, repo: str, number: int, rejection: Rejection) -> None:
        """Record why a pull is no candidate; a candidate it once was is dropped."""
        self.save_decisions(repo, [Decision(number=number, outcome=rejection)])

    def save_decisions(self, repo: str, decisions: Iterable[Decision]) -> None:
        """Save many decisions on pulls of *repo* with their candidates, all or nothing.

        Their patches go to the blobs one by one, so that *decisions* may be made meanwhile.
        """
        rows = [self._decision_rows(repo, decision) for decision in decisions]
        made = [candidate for _, candidate in rows if candidate]
        with self._database.transaction() as database:
            database.executemany(
                "DELETE FROM candidates WHERE repo = ? AND number = ?",
                [(repo, decided[-1]) for decided, candidate in rows if not candidate],
            )
            database.executemany(
                "INSERT OR REPLACE INTO candidates VALUES (?, ?, ?, ?, ?, ?)", made
            )
            database.executemany(
                "INSERT OR REPLACE INTO decisions SELECT repo, number, hash, ?, ?, ?, ?, ?"
                " FROM pulls WHERE repo = ? AND number = ?",
                [decided for decided, _ in rows],
            )

    def rejections_by_reason(self, repo: str, reason: str) -> dict[int, Rejection]:
        """Pulls that fell for *reason*, by number."""
        query = (
            "SELECT number, stage, reason, detail FROM decisions"
            " WHERE repo = ? AND reason = ? ORDER BY number"
        )
        rows = self._database.fetch_all(query, repo, reason)
        return {row[0]: Rejection(stage=row[1], reason=row[2], detail=row[3]) for row in rows}

    def get_rejection(self, repo: str, number: int) -> Rejection | None:
        """Why a pull is no candidate."""
        row = self._database.fetch_one(
            "SELECT stage, reason, detail FROM decisions"
            " WHERE repo = ? AND number = ? AND stage IS NOT NULL",
            repo,
            number,
        )
        return Rejection(stage=row[0], reason=row[1], detail=row[2]) if row else None

    def iter_candidates(self, repo: str | None = None) -> Iterator[Candidate]:
        """Candidates by repository and number."""
        query = (
            "SELECT data, patch, test_patch FROM candidates"
            " WHERE ?1 IS NULL OR repo = ?1 ORDER BY repo, number"
        )
        for row in self._database.fetch_all(query, repo):
            yield self._load_candidate(row)

    def get_candidate(self, instance_id: str) -> Candidate | None:
        """One candidate with its patches."""
        row = self._database.fetch_one(
            "SELECT data, patch, test_patch FROM candidates WHERE instance_id = ?", instance_id
        )
        return self._load_candidate(row) if row else None

    # -- validation ----------------------------------------------------------------------------

    def get_lock(self, key: str) -> RequirementsLock | None:
        """A lock that was resolved before for the same key."""
        row = self._database.fetch_one("SELECT data FROM locks WHERE key = ?", key)
        return loads(RequirementsLock, row[0]) if row else None

    def save_lock(self, key: str, lock: RequirementsLock) -> None:
        """Keep a lock for every candidate that shares its key."""
        with self._database.transaction() as database:
            database.execute("INSERT OR REPLACE INTO locks VALUES (?, ?)", (key, dumps(lock)))

    def get_validation(self, instance_id: str) -> Validation | None:
        """The newest validation of a candidate."""
        row = self._database.fetch_one(
            "SELECT data FROM validations WHERE instance_id = ?", instance_id
        )
        return loads(Validation, row[0]) if row else None

    def validated_inputs(self, *, rejected: bool = True) -> dict[str, str]:
        """Input hash of the newest validation by instance id, with or without *rejected* ones."""
        query = "SELECT instance_id, inputs_hash FROM validations WHERE stage IS NULL OR ?"
        return {row[0]: row[1] for row in self._database.fetch_all(query, rejected)}

    def save_validation(self, repo: str, validation: Validation) -> None:
        """Save a finished validation in place of the one before."""
        rejection = validation.verdict.rejection
        row = (
            validation.instance_id,
            repo,
            validation.inputs_hash,
            rejection.stage if rejection else None,
            rejection.reason if rejection else None,
            validation.finished_at.isoformat(),
            validation.core_seconds,
            validation.unique_bytes,
            dumps(validation),
        )
        marks = ", ".join("?" * len(row))
        with self._database.transaction() as database:
            database.execute(f"INSERT OR REPLACE INTO validations VALUES ({marks})", row)

    def iter_verified(self) -> Iterator[tuple[Candidate, Validation]]:
        """Verified candidates with their validations, by repository and number."""
        query = (
            "SELECT c.data, c.patch, c.test_patch, v.data FROM candidates c"
            " JOIN validations v USING (instance_id)"
            " WHERE v.stage IS NULL ORDER BY c.repo, c.number"
        )
        for row in self._database.fetch_all(query):
            yield self._load_candidate(row), loads(Validation, row[3])

    def verified_fingerprint(self) -> str:
        """SHA-256 that changes with any verified candidate or its validation, cheaply made."""
        query = (
            "SELECT c.data, c.patch, c.test_patch, v.inputs_hash, v.finished_at FROM validations v"
            " CROSS JOIN candidates c USING (instance_id)"  # CROSS: in this order, by its index
            " WHERE v.stage IS NULL ORDER BY v.instance_id"
        )
        digest = hashlib.sha256()
        for row in self._database.fetch_all(query):
            for part in row:
                data = part if isinstance(part, bytes) else str(part).encode()
                digest.update(b"%d:%b" % (len(data), data))
        return digest.hexdigest()

    # -- images --------------------------------------------------------------------------------

    def pushed_images(self, registry: str) -> dict[str, tuple[str, str]]:
        """(image id, reference by digest) of what was pushed to *registry*, by instance id."""
        rows = self._database.fetch_all(
            "SELECT instance_id, image, reference FROM pushed_images WHERE registry = ?", registry
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def unpushed_images(self) -> frozenset[str]:
        """Ids of the images of verified candidates that were pushed nowhere."""
        pushed_ids = {row[0] for row in self._database.fetch_all("SELECT image FROM pushed_images")}
        rows = self._database.fetch_all("SELECT data FROM validations WHERE stage IS NULL")
        built = (loads(Validation, row[0]).environment for row in rows)
        return frozenset(each.digest for each in built if each and each.digest) - pushed_ids

    def save_pushed_image(
        self, instance_id: str, registry: str, image: str, reference: str
    ) -> None:
        """Record that an image is in *registry* under *reference* (name@sha256:…)."""
        with self._database.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO pushed_images VALUES (?, ?, ?, ?)",
                (instance_id, registry, image, reference),
            )

    # -- funnel --------------------------------------------------------------------------------

    def list_repositories(self) -> tuple[str, ...]:
        """Repositories that were crawled, by name."""
        return tuple(
            row[0] for row in self._database.fetch_all("SELECT repo FROM crawls ORDER BY repo")
        )

    def list_funnels(self) -> tuple[RepositoryFunnel, ...]:
        """The counts of every repository that was crawled, by name."""
        counted = read_funnels(self._database)
        return tuple(
            counted.get(repo) or RepositoryFunnel(repo=repo) for repo in self.list_repositories()
        )

    # -- inside --------------------------------------------------------------------------------

    def _load_candidate(self, row: Sequence[Any]) -> Candidate:
        bare = from_json(Candidate, row[0])
        return replace(bare, patch=self.blobs.get(row[1]), test_patch=self.blobs.get(row[2]))

    def _decision_rows(self, repo: str, decision: Decision) -> tuple[_Row, _Row | None]:
        """What a decision adds to the table of decisions, and to that of candidates."""
        why, number = decision.outcome, decision.number
        if isinstance(why, Rejection):
            rejection_columns = why.stage, why.reason, why.detail
            return (None, *rejection_columns, decision.inputs_hash, repo, number), None
        row = (
            why.instance_id,
            why.repo,
            why.pull_number,
            to_json(replace(why, patch=b"", test_patch=b"")),
            self.blobs.put(why.patch),
            self.blobs.put(why.test_patch),
        )
        return (why.instance_id, None, None, None, decision.inputs_hash, repo, number), row
