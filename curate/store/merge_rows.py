"""SQL that merges the tables whose rows stand for themselves, and the progress of crawls."""

import sqlite3
from dataclasses import replace

from curate.core.model import CrawlState, Validation
from curate.harness.grade import Grade
from curate.store.serialization import from_json, loads, to_json

# Of two rows with the same key the greater one stays, whichever store it came from.
_KEEP_GREATER = {
    "locks": (("key",), ("data",)),
    "failed_builds": (("key",), ("data",)),
    "eval_checks": (("image", "inputs_hash"), ("problem",)),  # a problem is greater than none
    "manual_exclusions": (("instance_id",), ("excluded_at", "reason", "author")),
    "pushed_images": (("instance_id", "registry"), ("image", "reference")),
}
_ADD_BLOBS = """
INSERT INTO main.blobs SELECT s.key, s.data FROM source.blobs s
WHERE NOT EXISTS (SELECT 1 FROM main.blobs t WHERE t.key = s.key) AND require_blob(s.key, s.data)
"""
_PUSHED_TWICE = """
SELECT s.instance_id, s.registry, s.image, s.reference, t.image, t.reference, v.data
FROM source.pushed_images s JOIN main.pushed_images t USING (instance_id, registry)
JOIN main.validations v USING (instance_id) WHERE s.image != t.image
"""
_ADD_GRADES = "INSERT OR IGNORE INTO main.grades SELECT * FROM source.grades"
_GRADED_TWICE = """
SELECT s.*, t.data FROM source.grades s JOIN main.grades t
USING (instance_id, patch_hash, inputs_hash) WHERE s.data != t.data
"""


def merge_rows(database: sqlite3.Connection) -> None:
    """Merge all tables of `source` but those of PRs into `main`, where validations are merged."""
    database.execute(_ADD_BLOBS)
    pushed = [_choose_image(*row) for row in database.execute(_PUSHED_TWICE).fetchall()]
    for table, (keys, values) in _KEEP_GREATER.items():
        database.execute(_merge_greater(table, keys, values))
    database.executemany("INSERT OR REPLACE INTO main.pushed_images VALUES (?, ?, ?, ?)", pushed)
    _merge_grades(database)
    _merge_crawls(database)


def _choose_image(
    name: str, registry: str, *pushed_and_validation: *tuple[str, str, str, str, bytes]
) -> tuple[str, str, str, str]:
    """Of two images pushed for an instance the one of its validation, else the greater."""
    image, reference, other_image, other_reference, data = pushed_and_validation
    env = loads(Validation, data).environment
    both = ((image, reference), (other_image, other_reference))
    return name, registry, *max(both, key=lambda each: (env and each[0] == env.digest, each))


def _merge_grades(database: sqlite3.Connection) -> None:
    """Add grades; of two of the same patch the worse one stays, as a patch must hold every time."""
    database.execute(_ADD_GRADES)
    rows = database.execute(_GRADED_TWICE)
    worse = [row[:5] for row in rows if _badness(row[3]) > _badness(row[5])]
    database.executemany("INSERT OR REPLACE INTO main.grades VALUES (?, ?, ?, ?, ?)", worse)


def _badness(data: bytes) -> tuple[bool, bytes]:
    return not loads(Grade, data).resolved, data


def _merge_greater(table: str, keys: tuple[str, ...], values: tuple[str, ...]) -> str:
    new, old = (", ".join(f"{it}.{value}" for value in values) for it in ("excluded", table))
    assigned = ", ".join(f"{value} = excluded.{value}" for value in values)
    return (
        f"INSERT INTO main.{table} SELECT * FROM source.{table} WHERE true"
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {assigned} WHERE ({new}) > ({old})"
    )


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
