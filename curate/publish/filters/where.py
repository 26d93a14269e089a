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
from itertools import repeat

from curate.core.errors import ConfigurationError
from curate.releases.columns import Column
from curate.releases.row import Row
from curate.releases.table import RowTable

QUERY_TIMEOUT_SECONDS = 60.0
_ROW = "row"  # the column of the table that has a row's instance id
_SELECT = "SELECT row FROM rows WHERE ({}\n)"
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}


def filter_rows_sql(rows: RowTable, where: str) -> RowTable:
    """Return the *rows* that match the expression *where*, in order.

    Only the columns that it names are read. Raises ConfigurationError for an invalid expression,
    also if there are no rows.
    """
    with closing(sqlite3.connect("")) as database:  # "": in memory, on disk if it is large
        try:
            used = _find_used_columns(database, rows.columns, where)
            _fill_database(database, rows, used)
            _restrict_database(database, set())
            found = database.execute(_SELECT.format(where)).fetchall()
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise _invalid_expression(where, error, rows.column_names) from error
    return rows.select(name for (name,) in found)


def _find_used_columns(
    database: sqlite3.Connection, columns: Sequence[Column], where: str
) -> tuple[str, ...]:
    """Return the names of those *columns* that *where* reads, by trying it on an empty row."""
    names = ", ".join(f'"{name}"' for name in (_ROW, *(column.name for column in columns)))
    database.execute(f"CREATE TABLE rows ({names})")
    values = ["", *("[]" if "string" in column.kind else 0 for column in columns)]
    database.execute(f"INSERT INTO rows VALUES ({', '.join('?' * len(values))})", values)
    database.create_function("len", 1, _count_characters, deterministic=True)
    database.create_function("words", 1, _count_words, deterministic=True)
    database.create_function("has", 2, _has_item, deterministic=True)
    used: set[str] = set()
    _restrict_database(database, used)
    database.execute(_SELECT.format(where)).fetchall()
    database.set_authorizer(None)
    database.execute("DELETE FROM rows")
    return tuple(column.name for column in columns if column.name in used)


def _fill_database(database: sqlite3.Connection, rows: RowTable, used: Sequence[str]) -> None:
    columns = ", ".join(f'"{name}"' for name in (_ROW, *used))
    placeholders = ", ".join("?" * (len(used) + 1))
    read = rows.iter_columns(used) if used else repeat(Row())
    values = (
        (name, *(_to_sql_value(row[column]) for column in used))
        for name, row in zip(rows.ids, read, strict=False)
    )
    database.executemany(f"INSERT INTO rows ({columns}) VALUES ({placeholders})", values)


def _restrict_database(database: sqlite3.Connection, used: set[str]) -> None:
    """Allow reading only, for a limited time; add the names of columns that are read to *used*."""
    deadline = time.monotonic() + QUERY_TIMEOUT_SECONDS

    def authorize(action: int, _: str | None, column: str | None, *more: str | None) -> int:
        if action == sqlite3.SQLITE_READ and column:
            used.add(column)
        return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY

    database.set_authorizer(authorize)
    database.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)


def _to_sql_value(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _count_words(text: str | None) -> int | None:
    return None if text is None else len(text.split())


def _has_item(items: str | None, item: object) -> bool | None:
    return None if items is None else item in json.loads(items)


def _count_characters(value: str | None) -> int | None:
    if value is None:
        return None
    return len(json.loads(value)) if value.startswith("[") else len(value)


def _invalid_expression(where: str, error: Exception, columns: Sequence[str]) -> ConfigurationError:
    return ConfigurationError(
        f"Invalid WHERE expression {where!r}: {error}.",
        hint="""For example: "repo = 'owner/name' AND len(FAIL_TO_PASS) <= 5"."""
        f" Columns: {', '.join(columns)}.",
    )
