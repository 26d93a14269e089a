"""Every candidate in a few fields, for lists: one query, without reading a validation."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from curate.store.database import read_only_uri

_QUERY = """
SELECT c.instance_id, c.repo, c.number, json_extract(CAST(p.data AS TEXT), '$.title'),
  json_extract(CAST(c.data AS TEXT), '$.created_at'),
  v.instance_id IS NOT NULL, v.stage, v.reason,
  COALESCE(p.hash, '') || ' ' || c.hash || ' ' || COALESCE(v.hash, ''),
  LENGTH(c.data) + COALESCE(LENGTH(v.data), 0)
    + 3 * (COALESCE(LENGTH(a.data), 0) + COALESCE(LENGTH(b.data), 0))
FROM candidates c LEFT JOIN pulls p ON p.repo = c.repo AND p.number = c.number
LEFT JOIN validations v ON v.instance_id = c.instance_id
LEFT JOIN blobs a ON a.key = c.patch LEFT JOIN blobs b ON b.key = c.test_patch
WHERE ?1 IS NULL OR c.repo = ?1
"""


@dataclass(frozen=True, kw_only=True)
class ListedCandidate:
    """A candidate as a list shows it."""

    instance_id: str
    repo: str
    number: int
    title: str  # of the PR; "" if it is not stored
    created_at: str  # RFC 3339
    is_validated: bool
    stage: str  # of the validation's rejection; "" = none
    reason: str
    key: str  # changes whenever PR, candidate or validation do
    size: int  # bytes of what is stored, roughly

    @property
    def state(self) -> str:
        """One of "pending", "verified", "rejected"."""
        if not self.is_validated:
            return "pending"
        return "rejected" if self.stage else "verified"


def iter_listed_candidates(folder: Path, repo: str | None = None) -> Iterator[ListedCandidate]:
    """Yield the candidates of the store in *folder*, or those of *repo*, in any order."""
    with closing(sqlite3.connect(read_only_uri(folder), uri=True)) as database:
        database.execute("PRAGMA query_only = 1")
        for row in database.execute(_QUERY, (repo,)):
            name, repo, number, title, created, validated, stage, reason, key, size = row
            yield ListedCandidate(
                instance_id=name,
                repo=repo,
                number=number,
                title=title or "",
                created_at=created,
                is_validated=bool(validated),
                stage=stage or "",
                reason=reason or "",
                key=key,
                size=size,
            )


def read_store_version(folder: Path) -> str:
    """Return a text that changes with every change of the store that lists show; cheap."""
    with closing(sqlite3.connect(read_only_uri(folder), uri=True)) as database:
        crawls = database.execute("SELECT data FROM crawls ORDER BY repo").fetchall()
        rows = [
            database.execute(query).fetchone()
            for query in (
                "SELECT COUNT(*) FROM candidates",
                "SELECT COUNT(*), MAX(finished_at) FROM validations",
                "SELECT COUNT(*), MAX(excluded_at) FROM manual_exclusions",
                "SELECT COUNT(*), MAX(certified_at) FROM certifications",
            )
        ]
    return hashlib.sha256(repr((crawls, rows)).encode()).hexdigest()[:16]
