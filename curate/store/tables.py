"""The database schema and its format version."""

import sqlite3

from curate.core.errors import StoreError

FORMAT_VERSION = 6

CREATE_CLAIMS = """
CREATE TABLE claims (
    repo TEXT NOT NULL, number INTEGER NOT NULL, issue_repo TEXT NOT NULL,
    issue_number INTEGER NOT NULL,
    PRIMARY KEY (issue_repo, issue_number, repo, number)) WITHOUT ROWID;
CREATE INDEX claims_pull ON claims (repo, number);
"""

CREATE_BLOBS = "CREATE TABLE blobs (key TEXT PRIMARY KEY, data BLOB NOT NULL);"

CREATE_PROGRESS = """
CREATE TABLE failed_builds (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE unfinished (
    instance_id TEXT NOT NULL, step TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (instance_id, step)) WITHOUT ROWID;
"""

CREATE_INDEXES = """
CREATE INDEX pulls_hash ON pulls (repo, number, hash);
CREATE INDEX validations_state ON validations (stage, instance_id, inputs_hash, finished_at);
CREATE INDEX validations_cost ON validations (repo, work_seconds, unique_bytes);
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
    instance_id TEXT, stage TEXT, reason TEXT, detail TEXT, inputs_hash TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (repo, number)) WITHOUT ROWID;
CREATE TABLE candidates (
    instance_id TEXT PRIMARY KEY, repo TEXT NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL,
    patch TEXT NOT NULL, test_patch TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX candidates_repo ON candidates (repo, number);
CREATE TABLE validations (
    instance_id TEXT PRIMARY KEY, repo TEXT NOT NULL, inputs_hash TEXT NOT NULL,
    stage TEXT, reason TEXT, finished_at TEXT NOT NULL,
    work_seconds REAL NOT NULL, unique_bytes INTEGER NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE locks (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE pushed_images (
    instance_id TEXT NOT NULL, registry TEXT NOT NULL, image TEXT NOT NULL, reference TEXT NOT NULL,
    PRIMARY KEY (instance_id, registry)) WITHOUT ROWID;
{CREATE_CLAIMS}
{CREATE_BLOBS}
{CREATE_PROGRESS}
{CREATE_INDEXES}"""


def prepare_tables(database: sqlite3.Connection) -> None:
    """Create the tables of a new database; raises StoreError for another format version."""
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found > FORMAT_VERSION:
        raise StoreError(
            f"The data directory has store format {found}; this curate reads {FORMAT_VERSION}.",
            hint="A newer curate wrote it: upgrade, or choose another directory with --data-dir.",
        )
    if 0 < found < FORMAT_VERSION:
        raise StoreError(
            f"The data directory has store format {found}, which no release of curate has written.",
            hint="Crawl and validate again into another directory with --data-dir.",
        )
    if found == 0:
        database.executescript(
            f"BEGIN IMMEDIATE; {CREATE_TABLES} PRAGMA user_version = {FORMAT_VERSION}; COMMIT;"
        )
