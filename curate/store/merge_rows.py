"""SQL that merges the tables whose rows stand for themselves, and the progress of crawls."""

import sqlite3
from dataclasses import replace

from curate.core.model import CrawlState
from curate.harness.grade import Grade
from curate.store.serialization import from_json, loads, to_json
from curate.store.verdicts import REPLACED, SUPERSEDED

# Tables that are merged by other rules, and the steps of unfinished validations, which are not.
_OTHER_TABLES = frozenset(
    {"crawls", "pulls", "issues", "claims", "decisions", "candidates"}
    | {"validations", "unfinished", "blobs", "derived", "grades"}
)
_COMPARED_FIRST = {"manual_exclusions": "excluded_at"}  # columns; else in the order of the table
_ADD_BLOBS = """
INSERT INTO main.blobs SELECT s.key, s.data FROM source.blobs s
WHERE NOT EXISTS (SELECT 1 FROM main.blobs t WHERE t.key = s.key) AND require_blob(s.key, s.data)
"""
# Results that need not be computed again, whichever store computed them.
_ADD_DERIVED = (
    "INSERT OR IGNORE INTO main.derived SELECT * FROM source.derived"
    f" WHERE kind NOT IN ('{SUPERSEDED}', '{REPLACED}')"
)
_ADD_GRADES = "INSERT OR IGNORE INTO main.grades SELECT * FROM source.grades"
_GRADED_TWICE = """
SELECT s.*, t.data, t.log FROM source.grades s JOIN main.grades t
USING (instance_id, patch_hash, inputs_hash) WHERE (s.data, s.log) != (t.data, t.log)
"""


def merge_rows(database: sqlite3.Connection) -> None:
    """Merge all tables of `source` but those of PRs and validations into `main`."""
    database.execute(_ADD_BLOBS)
    database.execute(_ADD_DERIVED)
    for statement in _keep_greater_rows(database):
        database.execute(statement)
    _merge_grades(database)
    _merge_crawls(database)


def _merge_grades(database: sqlite3.Connection) -> None:
    """Add grades; of two of the same patch the worse one stays, as a patch must hold every time."""
    database.execute(_ADD_GRADES)
    rows = database.execute(_GRADED_TWICE)
    worse = [row[:5] for row in rows if _badness(*row[3:5]) > _badness(*row[5:7])]
    database.executemany("INSERT OR REPLACE INTO main.grades VALUES (?, ?, ?, ?, ?)", worse)


def _badness(data: bytes, log: str) -> tuple[bool, bytes, str]:
    return not loads(Grade, data).resolved, data, log


def _keep_greater_rows(database: sqlite3.Connection) -> list[str]:
    """Return the SQL that merges the other tables: of rows with the same key the greater one stays.

    What "greater" is follows from the rows alone, whichever store they came from.
    """
    names = database.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall()
    return [
        _merge_greater(database, name)
        for (name,) in names
        if name not in _OTHER_TABLES and not name.startswith("sqlite_")
    ]


def _merge_greater(database: sqlite3.Connection, table: str) -> str:
    columns = database.execute(f"PRAGMA main.table_info({table})").fetchall()
    keys = [name for _, name, *_, position in columns if position]
    first = _COMPARED_FIRST.get(table)
    values = sorted((it[1] for it in columns if not it[5]), key=lambda name: name != first)
    insert = f"INTO main.{table} SELECT * FROM source.{table} WHERE true"
    if not values:
        return f"INSERT OR IGNORE {insert}"
    new, old = (", ".join(f"{it}.{value}" for value in values) for it in ("excluded", table))
    assigned = ", ".join(f"{value} = excluded.{value}" for value in values)
    conflict = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {assigned}"
    return f"INSERT {insert} {conflict} WHERE ({new}) > ({old})"


def _merge_crawls(database: sqlite3.Connection) -> None:
    """Merge the progress of crawls.

    What one store says of the PRs that it has read holds for more of them as well, so the state
    that reaches farthest is taken. Issues are only as new as those of the older store.
    """
    query = (
        "SELECT s.repo, s.data, t.data FROM source.crawls s LEFT JOIN main.crawls t USING (repo)"
    )
    for repo, source, target in database.execute(query).fetchall():
        states = [from_json(CrawlState, data) for data in (source, target) if data]
        database.execute(
            "INSERT OR REPLACE INTO main.crawls VALUES (?, ?)", (repo, to_json(_join(states)))
        )


def _join(states: list[CrawlState]) -> CrawlState:
    watermarks = [state.issues_watermark for state in states]
    dated = [watermark for watermark in watermarks if watermark]
    return replace(
        max(states, key=_reach),
        issues_watermark=min(dated) if len(dated) == len(states) else None,
        last_number=max(state.last_number for state in states),
        requests=max(state.requests for state in states),
        points=max(state.points for state in states),
    )


def _reach(state: CrawlState) -> tuple[bool, float, float, bytes]:
    """How far a crawl has come: complete, since when, up to when."""
    since = -state.since.timestamp() if state.since else float("inf")
    until = state.watermark.timestamp() if state.watermark else 0.0
    facts = replace(state, issues_watermark=None, last_number=0, requests=0, points=0)
    return state.is_complete, since, until, to_json(facts)
