"""Creation of a new database, and the steps that bring an older one to the current format.

A step is a tuple of SQL scripts under the format it starts from; its last effect is the next
format. Older formats than `OLDEST_FORMAT` were never released.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping

from curate.core.errors import StoreError
from curate.store.tables import (
    CREATE_CANDIDATES_INDEXES,
    CREATE_CERTIFICATIONS,
    CREATE_DERIVED,
    CREATE_EVAL_CHECKS,
    CREATE_GRADES,
    CREATE_MANUAL_EXCLUSIONS,
    CREATE_PROGRESS,
    CREATE_TABLES,
    CREATE_VALIDATIONS_INDEX,
    FORMAT_VERSION,
)

STEPS: Mapping[int, tuple[str, ...]] = {
    6: (
        "ALTER TABLE candidates ADD COLUMN hash TEXT NOT NULL DEFAULT '';",
        "UPDATE candidates SET hash = candidate_hash(data, patch, test_patch);",
        "DROP INDEX candidates_repo;",
        CREATE_CANDIDATES_INDEXES,
        "ALTER TABLE validations ADD COLUMN hash TEXT NOT NULL DEFAULT '';",
        "UPDATE validations SET hash = content_hash(data);",
        "DROP INDEX validations_state;",
        CREATE_VALIDATIONS_INDEX,
        CREATE_DERIVED,
        CREATE_MANUAL_EXCLUSIONS,
        CREATE_EVAL_CHECKS,
    ),
    7: (
        CREATE_PROGRESS,
        "ALTER TABLE validations RENAME COLUMN core_seconds TO work_seconds;",
    ),
    8: (CREATE_GRADES,),
    9: (CREATE_CERTIFICATIONS,),
}
OLDEST_FORMAT = min(STEPS)


def compute_candidate_hash(data: bytes, patch: str, test_patch: str) -> str:
    """Return the hash of a row of `candidates`: its JSON and the keys of its patches."""
    return compute_content_hash(b"\0".join((data, patch.encode(), test_patch.encode())))


def compute_content_hash(data: bytes) -> str:
    """Return the hash of *data* by which changes of a row are noticed."""
    return hashlib.sha256(data).hexdigest()[:32]


def prepare_database(database: sqlite3.Connection) -> int:
    """Create the tables of a new database, or bring an older one to the current format.

    Everything happens in one transaction: a killed process leaves the format it found, and of
    several processes one does the work. Raises StoreError for a format that cannot be read.
    Returns the format it had, 0 for a new one.
    """
    if _read_format(database) == FORMAT_VERSION:
        return FORMAT_VERSION
    check_format(database, oldest=0)  # what will be refused is not even locked
    database.create_function("candidate_hash", 3, compute_candidate_hash, deterministic=True)
    database.create_function("content_hash", 1, compute_content_hash, deterministic=True)
    database.execute("BEGIN IMMEDIATE")
    try:
        found = _read_format(database)  # another process may have been faster
        for statement in _iter_statements(found):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    return found


def check_format(database: sqlite3.Connection, *, oldest: int = FORMAT_VERSION) -> None:
    """Raise StoreError unless the format is one from *oldest* to the current one."""
    # read first: another process creates the tables and sets the format in one step
    has_tables = database.execute("SELECT 1 FROM sqlite_master").fetchone() is not None
    found = _read_format(database)
    if found == 0 and has_tables:
        raise StoreError(
            "The database curate.sqlite of the data directory was not made by curate.",
            hint="Move it away, or choose another directory with --data-dir.",
        )
    if found > FORMAT_VERSION:
        raise StoreError(
            f"The data directory has store format {found}; this curate reads {FORMAT_VERSION}.",
            hint="A newer curate wrote it: upgrade, or choose another directory with --data-dir.",
        )
    if 0 < found < OLDEST_FORMAT:
        raise StoreError(
            f"The data directory has store format {found}, which no release of curate has written.",
            hint="Crawl and validate again into another directory with --data-dir.",
        )
    if found < oldest:
        raise StoreError(
            f"The data directory has store format {found} and cannot be written.",
            hint="Run curate status once where it can be written: that migrates it.",
        )


def _read_format(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _iter_statements(found: int) -> Iterator[str]:
    """Yield the statements that lead from the format *found* (0: a new file) to the current one."""
    scripts = (
        (CREATE_TABLES,)
        if found == 0
        else [script for step in range(found, FORMAT_VERSION) for script in STEPS[step]]
    )
    for script in scripts:
        yield from filter(str.strip, script.split(";"))
