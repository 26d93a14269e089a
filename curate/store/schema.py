"""The database's tables and its format version."""

import sqlite3

from curate.errors import StoreError

FORMAT = 2

TABLES = """
CREATE TABLE crawls (repo TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE pulls (
    repo TEXT NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (repo, number)) WITHOUT ROWID;
CREATE TABLE issues (
    repo TEXT NOT NULL, number INTEGER NOT NULL, data BLOB, missing TEXT,
    PRIMARY KEY (repo, number)) WITHOUT ROWID;
CREATE TABLE decisions (
    repo TEXT NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL,
    instance_id TEXT, stage TEXT, reason TEXT, detail TEXT, ground TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (repo, number)) WITHOUT ROWID;
CREATE TABLE candidates (
    instance_id TEXT PRIMARY KEY, repo TEXT NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL,
    patch TEXT NOT NULL, test_patch TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX candidates_repo ON candidates (repo, number);
CREATE TABLE validations (
    instance_id TEXT PRIMARY KEY, repo TEXT NOT NULL, inputs TEXT NOT NULL,
    stage TEXT, reason TEXT, finished_at TEXT NOT NULL,
    core_seconds REAL NOT NULL, unique_bytes INTEGER NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE locks (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE images (
    instance_id TEXT NOT NULL, registry TEXT NOT NULL, image TEXT NOT NULL, reference TEXT NOT NULL,
    PRIMARY KEY (instance_id, registry)) WITHOUT ROWID;
"""

MIGRATIONS = {1: "ALTER TABLE decisions ADD COLUMN ground TEXT NOT NULL DEFAULT '';"}
"""What brings a database of a format to the next one."""


def prepare(database: sqlite3.Connection) -> None:
    """Create the tables of a new database or update old ones; refuse what a newer curate wrote."""
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found > FORMAT:
        raise StoreError(
            f"The data folder has format {found}; this curate reads up to {FORMAT}.",
            hint="Install the newer curate that wrote it, or choose another --data folder.",
        )
    steps = "".join(MIGRATIONS[it] for it in range(found, FORMAT)) if found else TABLES
    if found < FORMAT:
        database.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {FORMAT}; COMMIT;")
