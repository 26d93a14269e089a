"""The database's tables and its format version."""

import sqlite3

from curate.core.errors import StoreError

SCHEMA_VERSION = 5

CREATE_CLAIMS = """
CREATE TABLE claims (
    repo TEXT NOT NULL, number INTEGER NOT NULL, issue_repo TEXT NOT NULL,
    issue_number INTEGER NOT NULL,
    PRIMARY KEY (issue_repo, issue_number, repo, number)) WITHOUT ROWID;
CREATE INDEX claims_pull ON claims (repo, number);
"""

CREATE_BLOBS = "CREATE TABLE blobs (key TEXT PRIMARY KEY, data BLOB NOT NULL);"

CREATE_INDEXES = """
CREATE INDEX pulls_hash ON pulls (repo, number, hash);
CREATE INDEX validations_state ON validations (stage, instance_id, inputs, finished_at);
CREATE INDEX validations_cost ON validations (repo, core_seconds, unique_bytes);
"""

CREATE_TABLES = f"""
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
{CREATE_CLAIMS}
{CREATE_BLOBS}
{CREATE_INDEXES}"""

MIGRATIONS = {
    1: "ALTER TABLE decisions ADD COLUMN ground TEXT NOT NULL DEFAULT '';",
    2: f"{CREATE_CLAIMS} DELETE FROM decisions;",
    3: CREATE_BLOBS,
    4: CREATE_INDEXES,
}
"""What leads from a format to the next; decisions are made again, from what is stored."""


def migrate(database: sqlite3.Connection) -> None:
    """Create the tables of a new database, upgrade an older one; refuse a newer curate's."""
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"The data folder has format {found}; this curate reads up to {SCHEMA_VERSION}.",
            hint="Install the newer curate that wrote it, or choose another --data folder.",
        )
    steps = (
        [CREATE_TABLES] if found == 0 else [MIGRATIONS[old] for old in range(found, SCHEMA_VERSION)]
    )
    if steps:
        script = " ".join(steps)
        database.executescript(
            f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
