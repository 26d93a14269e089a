"""What a store holds, in a form in which two stores can be compared."""

import json
import sqlite3
from pathlib import Path
from typing import Any

TABLES = ("crawls", "pulls", "issues", "claims", "decisions", "candidates", "blobs")


def content(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every table that a crawl fills, in order, without what it cost."""
    with sqlite3.connect(f"file:{folder / 'curate.sqlite'}?mode=ro", uri=True) as database:
        rows = {name: sorted(database.execute(f"SELECT * FROM {name}")) for name in TABLES}
    rows["crawls"] = [(repo, _without_cost(state)) for repo, state in rows["crawls"]]
    return rows


def _without_cost(state: bytes) -> str:
    facts = json.loads(state)
    return json.dumps({k: v for k, v in facts.items() if k not in ("requests", "points")})
