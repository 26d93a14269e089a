"""Select rows by an SQL expression, as after WHERE, over the published columns.

SQLite evaluates it in memory, on a copy of the rows. It may only read and call functions, and is
interrupted after `QUERY_TIMEOUT_SECONDS`. Lists are JSON text: `len(column)` counts their items,
`has(column, item)` tests whether a list contains an item; `words(column)` counts the words of a
text.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing

from curate.core.errors import ConfigurationError
from curate.releases.row import Row

QUERY_TIMEOUT_SECONDS = 60.0
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}


def filter_rows_sql(rows: Sequence[Row], where: str) -> list[Row]:
    """Return the *rows* that match the expression *where*, in order.

    Raises ConfigurationError for an invalid expression.
    """
    if not rows:
        return []
    with closing(sqlite3.connect(":memory:")) as database:
        _fill_database(database, rows)
        _restrict_database(database)
        try:
            found = database.execute(f"SELECT row FROM rows WHERE ({where}\n)").fetchall()
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise ConfigurationError(
                f"Invalid WHERE expression {where!r}: {error}.",
                hint="""For example: "repo = 'owner/name' AND len(FAIL_TO_PASS) <= 5".""",
            ) from error
    row_numbers = {number for (number,) in found}
    return [row for number, row in enumerate(rows) if number in row_numbers]


def _fill_database(database: sqlite3.Connection, rows: Sequence[Row]) -> None:
    names = list(rows[0])
    columns = ", ".join(f'"{name}"' for name in ("row", *names))
    placeholders = ", ".join("?" * (len(names) + 1))
    database.execute(f"CREATE TABLE rows ({columns})")
    values = ((n, *(_to_sql_value(row[name]) for name in names)) for n, row in enumerate(rows))
    database.executemany(f"INSERT INTO rows VALUES ({placeholders})", values)
    database.create_function("len", 1, _count_characters, deterministic=True)
    database.create_function("words", 1, lambda text: len(text.split()), deterministic=True)
    database.create_function(
        "has", 2, lambda items, item: item in json.loads(items), deterministic=True
    )


def _restrict_database(database: sqlite3.Connection) -> None:
    deadline = time.monotonic() + QUERY_TIMEOUT_SECONDS
    database.set_authorizer(
        lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY
    )
    database.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)


def _to_sql_value(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _count_characters(value: str) -> int:
    return len(json.loads(value)) if value.startswith("[") else len(value)
