"""Pull requests by state and reason, read row by row from a connection that cannot write."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from curate.core.errors import ConfigurationError
from curate.store.database import read_only_uri

_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}

_ROWS = """
SELECT c.instance_id AS instance_id, c.repo AS repo, c.number AS number, 1 AS is_candidate,
  CASE WHEN v.instance_id IS NULL THEN 'pending' WHEN v.stage IS NULL THEN 'verified'
    ELSE 'rejected' END AS state,
  COALESCE(v.stage, '') AS stage, COALESCE(v.reason, '') AS reason, '' AS detail,
  v.finished_at AS finished_at, v.work_seconds AS work_seconds, v.unique_bytes AS unique_bytes,
  json_extract(CAST(c.data AS TEXT), '$.created_at') AS created_at,
  json_extract(CAST(c.data AS TEXT), '$.version') AS version
FROM candidates c LEFT JOIN validations v ON v.instance_id = c.instance_id
UNION ALL
SELECT replace(repo, '/', '__') || '-' || number, repo, number, 0, 'rejected', stage, reason,
  COALESCE(detail, ''), NULL, NULL, NULL, NULL, NULL
FROM decisions WHERE stage IS NOT NULL
"""

COLUMNS = (
    *("instance_id", "repo", "number", "state", "stage", "reason", "detail"),
    *("finished_at", "work_seconds", "unique_bytes", "created_at", "version"),
)
"""Names that the condition of a `ListingFilter` may use."""


@dataclass(frozen=True, kw_only=True)
class ListingFilter:
    """Which pull requests to list; every condition must hold, an empty one always does."""

    repo: str = ""
    states: Sequence[str] = ()  # of "pending", "verified", "rejected"
    candidates_only: bool = False  # without those that the crawl rejected
    where: str = ""  # SQL expression over `COLUMNS`


@dataclass(frozen=True, kw_only=True)
class ListedPull:
    """A pull request with a decision: a candidate, or rejected by the crawl."""

    instance_id: str
    repo: str
    number: int
    state: str  # "pending" | "verified" | "rejected"
    stage: str  # of the rejection; "" = none
    reason: str
    detail: str  # only of the crawl's rejections


def list_pulls(folder: Path, chosen: ListingFilter) -> Iterator[ListedPull]:
    """Yield the pull requests that *chosen* selects, ordered by repository and number.

    *folder* is a data directory with a store. Raises ConfigurationError for an invalid condition.
    """
    names = list(ListedPull.__dataclass_fields__)
    query, values = _make_query(names, chosen)
    with closing(sqlite3.connect(read_only_uri(folder), uri=True)) as database:
        database.execute("PRAGMA query_only = 1")
        database.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY
        )
        try:
            for row in database.execute(query, values):
                yield ListedPull(**dict(zip(names, row, strict=True)))
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            if not chosen.where:
                raise
            raise ConfigurationError(
                f"Invalid --where expression {chosen.where!r}: {error}.",
                hint=f"Columns are {', '.join(COLUMNS)}.",
            ) from error


def _make_query(names: Sequence[str], chosen: ListingFilter) -> tuple[str, list[str]]:
    conditions, values = ["1"], [*chosen.states]
    if chosen.states:
        conditions.append(f"state IN ({', '.join('?' * len(chosen.states))})")
    if chosen.repo:
        conditions.append("repo = ?")
        values.append(chosen.repo)
    if chosen.candidates_only:
        conditions.append("is_candidate")
    if chosen.where:
        conditions.append(f"({chosen.where}\n)")
    condition = " AND ".join(conditions)
    columns = ", ".join(names)
    return f"SELECT {columns} FROM ({_ROWS}) WHERE {condition} ORDER BY repo, number", values
