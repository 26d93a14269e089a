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

from builders.model import Lock
from curate.core.model import Candidate, Decision, Rejection, Validation
from curate.store.blobs import Blobs
from curate.store.crawl_tables import CrawlTables
from curate.store.database import Database
from curate.store.funnel import Funnel, read_funnels
from curate.store.serialization import from_json, pack, to_json, unpack

_Row = tuple[Any, ...]


class Store(CrawlTables):
    """All that curate knows, in one folder. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(Database(folder))
        self.blobs = Blobs(folder / "blobs", self._database)

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
        rows = [self._rows(repo, decision) for decision in decisions]
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

    def rejections(self, repo: str, reason: str) -> dict[int, Rejection]:
        """Pulls that fell for *reason*, by number."""
        query = (
            "SELECT number, stage, reason, detail FROM decisions"
            " WHERE repo = ? AND reason = ? ORDER BY number"
        )
        rows = self._database.all(query, repo, reason)
        return {row[0]: Rejection(stage=row[1], reason=row[2], detail=row[3]) for row in rows}

    def rejection(self, repo: str, number: int) -> Rejection | None:
        """Why a pull is no candidate."""
        row = self._database.one(
            "SELECT stage, reason, detail FROM decisions"
            " WHERE repo = ? AND number = ? AND stage IS NOT NULL",
            repo,
            number,
        )
        return Rejection(stage=row[0], reason=row[1], detail=row[2]) if row else None

    def candidates(self, repo: str | None = None) -> Iterator[Candidate]:
        """Candidates by repository and number."""
        query = (
            "SELECT data, patch, test_patch FROM candidates"
            " WHERE ?1 IS NULL OR repo = ?1 ORDER BY repo, number"
        )
        for row in self._database.all(query, repo):
            yield self._candidate(row)

    def candidate(self, instance_id: str) -> Candidate | None:
        """One candidate with its patches."""
        row = self._database.one(
            "SELECT data, patch, test_patch FROM candidates WHERE instance_id = ?", instance_id
        )
        return self._candidate(row) if row else None

    # -- validation ----------------------------------------------------------------------------

    def lock(self, key: str) -> Lock | None:
        """A lock that was resolved before for the same key."""
        row = self._database.one("SELECT data FROM locks WHERE key = ?", key)
        return unpack(Lock, row[0]) if row else None

    def save_lock(self, key: str, lock: Lock) -> None:
        """Keep a lock for every candidate that shares its key."""
        with self._database.transaction() as database:
            database.execute("INSERT OR REPLACE INTO locks VALUES (?, ?)", (key, pack(lock)))

    def validation(self, instance_id: str) -> Validation | None:
        """The newest validation of a candidate."""
        row = self._database.one("SELECT data FROM validations WHERE instance_id = ?", instance_id)
        return unpack(Validation, row[0]) if row else None

    def validated_inputs(self, *, rejected: bool = True) -> dict[str, str]:
        """Input hash of the newest validation by instance id, with or without *rejected* ones."""
        query = "SELECT instance_id, inputs FROM validations WHERE stage IS NULL OR ?"
        return {row[0]: row[1] for row in self._database.all(query, rejected)}

    def save_validation(self, repo: str, validation: Validation) -> None:
        """Save a finished validation in place of the one before."""
        rejection = validation.verdict.rejection
        row = (
            validation.instance_id,
            repo,
            validation.inputs,
            rejection.stage if rejection else None,
            rejection.reason if rejection else None,
            validation.finished_at.isoformat(),
            validation.core_seconds,
            validation.unique_bytes,
            pack(validation),
        )
        marks = ", ".join("?" * len(row))
        with self._database.transaction() as database:
            database.execute(f"INSERT OR REPLACE INTO validations VALUES ({marks})", row)

    def verified(self) -> Iterator[tuple[Candidate, Validation]]:
        """Verified candidates with their validations, by repository and number."""
        query = (
            "SELECT c.data, c.patch, c.test_patch, v.data FROM candidates c"
            " JOIN validations v USING (instance_id)"
            " WHERE v.stage IS NULL ORDER BY c.repo, c.number"
        )
        for row in self._database.all(query):
            yield self._candidate(row), unpack(Validation, row[3])

    def verified_state(self) -> str:
        """SHA-256 that changes with any verified candidate or its validation, cheaply made."""
        query = (
            "SELECT c.data, c.patch, c.test_patch, v.inputs, v.finished_at FROM validations v"
            " CROSS JOIN candidates c USING (instance_id)"  # CROSS: in this order, by its index
            " WHERE v.stage IS NULL ORDER BY v.instance_id"
        )
        digest = hashlib.sha256()
        for row in self._database.all(query):
            for part in row:
                data = part if isinstance(part, bytes) else str(part).encode()
                digest.update(b"%d:%b" % (len(data), data))
        return digest.hexdigest()

    # -- images --------------------------------------------------------------------------------

    def pushed(self, registry: str) -> dict[str, tuple[str, str]]:
        """(image id, reference by digest) of what was pushed to *registry*, by instance id."""
        rows = self._database.all(
            "SELECT instance_id, image, reference FROM images WHERE registry = ?", registry
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def unpushed(self) -> frozenset[str]:
        """Ids of the images of verified candidates that were pushed nowhere."""
        pushed = {row[0] for row in self._database.all("SELECT image FROM images")}
        rows = self._database.all("SELECT data FROM validations WHERE stage IS NULL")
        built = (unpack(Validation, row[0]).environment for row in rows)
        return frozenset(each.digest for each in built if each and each.digest) - pushed

    def save_pushed(self, instance_id: str, registry: str, image: str, reference: str) -> None:
        """Record that an image is in *registry* under *reference* (name@sha256:…)."""
        with self._database.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?)",
                (instance_id, registry, image, reference),
            )

    # -- funnel --------------------------------------------------------------------------------

    def repositories(self) -> tuple[str, ...]:
        """Repositories that were crawled, by name."""
        return tuple(row[0] for row in self._database.all("SELECT repo FROM crawls ORDER BY repo"))

    def funnels(self) -> tuple[Funnel, ...]:
        """The counts of every repository that was crawled, by name."""
        counted = read_funnels(self._database)
        return tuple(counted.get(repo) or Funnel(repo=repo) for repo in self.repositories())

    # -- inside --------------------------------------------------------------------------------

    def _candidate(self, row: Sequence[Any]) -> Candidate:
        bare = from_json(Candidate, row[0])
        return replace(bare, patch=self.blobs.get(row[1]), test_patch=self.blobs.get(row[2]))

    def _rows(self, repo: str, decision: Decision) -> tuple[_Row, _Row | None]:
        """What a decision adds to the table of decisions, and to that of candidates."""
        why, number = decision.outcome, decision.number
        if isinstance(why, Rejection):
            fallen = why.stage, why.reason, why.detail
            return (None, *fallen, decision.ground, repo, number), None
        row = (
            why.instance_id,
            why.repo,
            why.pull_number,
            to_json(replace(why, patch=b"", test_patch=b"")),
            self.blobs.put(why.patch),
            self.blobs.put(why.test_patch),
        )
        return (why.instance_id, None, None, None, decision.ground, repo, number), row
