"""The database schema and its format version.

Whoever changes the schema raises `FORMAT_VERSION` and adds the step from the format before to
`curate/store/migrations.py`.
"""

FORMAT_VERSION = 10

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

CREATE_DERIVED = """
CREATE TABLE derived (
    kind TEXT NOT NULL, key TEXT NOT NULL, inputs TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (kind, key));
CREATE INDEX derived_inputs ON derived (kind, key, inputs);
"""

CREATE_MANUAL_EXCLUSIONS = """
CREATE TABLE manual_exclusions (
    instance_id TEXT PRIMARY KEY, reason TEXT NOT NULL, author TEXT NOT NULL,
    excluded_at TEXT NOT NULL) WITHOUT ROWID;
"""

CREATE_EVAL_CHECKS = """
CREATE TABLE eval_checks (
    image TEXT NOT NULL, inputs_hash TEXT NOT NULL, problem TEXT NOT NULL,
    PRIMARY KEY (image, inputs_hash)) WITHOUT ROWID;
"""

CREATE_GRADES = """
CREATE TABLE grades (
    instance_id TEXT NOT NULL, patch_hash TEXT NOT NULL, inputs_hash TEXT NOT NULL,
    data BLOB NOT NULL, log TEXT NOT NULL,
    PRIMARY KEY (instance_id, patch_hash, inputs_hash)) WITHOUT ROWID;
"""

CREATE_CERTIFICATIONS = """
CREATE TABLE certifications (
    instance_id TEXT NOT NULL, dataset TEXT NOT NULL, certified_at TEXT NOT NULL,
    image TEXT NOT NULL, repository TEXT NOT NULL, is_pulled INTEGER NOT NULL, result TEXT NOT NULL,
    gold_runs INTEGER NOT NULL, gold_passes INTEGER NOT NULL, empty_result TEXT NOT NULL,
    seconds REAL NOT NULL, detail TEXT NOT NULL, log TEXT NOT NULL, data BLOB NOT NULL,
    machine TEXT NOT NULL,
    PRIMARY KEY (dataset, instance_id, certified_at)) WITHOUT ROWID;
CREATE INDEX certifications_bad ON certifications (dataset, instance_id)
    WHERE result <> 'certified';
CREATE TABLE certification_machines (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
"""

CREATE_CANDIDATES_INDEXES = """
CREATE INDEX candidates_repo ON candidates (repo, number, instance_id, hash);
CREATE INDEX candidates_id ON candidates (instance_id, repo, number, hash);
"""

CREATE_VALIDATIONS_INDEX = (
    "CREATE INDEX validations_state ON validations (stage, instance_id, inputs_hash, hash);"
)

CREATE_INDEXES = f"""
CREATE INDEX pulls_hash ON pulls (repo, number, hash);
{CREATE_VALIDATIONS_INDEX}
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
    patch TEXT NOT NULL, test_patch TEXT NOT NULL, hash TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
{CREATE_CANDIDATES_INDEXES}CREATE TABLE validations (
    instance_id TEXT PRIMARY KEY, repo TEXT NOT NULL, inputs_hash TEXT NOT NULL,
    stage TEXT, reason TEXT, finished_at TEXT NOT NULL,
    work_seconds REAL NOT NULL, unique_bytes INTEGER NOT NULL, data BLOB NOT NULL,
    hash TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE locks (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE pushed_images (
    instance_id TEXT NOT NULL, registry TEXT NOT NULL, image TEXT NOT NULL, reference TEXT NOT NULL,
    PRIMARY KEY (instance_id, registry)) WITHOUT ROWID;
{CREATE_CLAIMS}
{CREATE_BLOBS}
{CREATE_PROGRESS}
{CREATE_DERIVED}
{CREATE_MANUAL_EXCLUSIONS}
{CREATE_EVAL_CHECKS}
{CREATE_GRADES}
{CREATE_CERTIFICATIONS}
{CREATE_INDEXES}"""
