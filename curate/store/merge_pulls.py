"""SQL that merges what a crawl found: issues, and each PR with its claims, decision and candidate.

The attached database `source` is merged into `main`. A PR is one unit, taken whole from the store
that has its newest version, so that a candidate is always that of its decision. Every comparison is
a total order on what the rows hold: the order in which stores are merged decides nothing.
"""

import sqlite3

_UPDATED = "COALESCE(julianday(json_extract(CAST({0}.data AS TEXT), '$.updated_at')), 0)"

# An issue replaces another if it is newer; of the same age, one with more of its edits.
_ISSUES = f"""
CREATE TEMP TABLE issue_ranks AS
SELECT s.repo, s.number, {_UPDATED.format("s")} AS source_age, {_UPDATED.format("t")} AS target_age,
  (s.data IS NOT NULL, {_UPDATED.format("s")}, LENGTH(COALESCE(s.data, s.missing)),
    COALESCE(s.data, s.missing)) > (t.data IS NOT NULL, {_UPDATED.format("t")},
    LENGTH(COALESCE(t.data, t.missing)), COALESCE(t.data, t.missing)) AS is_newer
FROM source.issues s JOIN main.issues t USING (repo, number)
WHERE s.data IS NOT t.data OR s.missing IS NOT t.missing;
CREATE TEMP TABLE outdated_target AS
SELECT c.repo, c.number, printf('%016.6f', MAX({_UPDATED.format("x")})) AS age
FROM (SELECT DISTINCT c.repo, c.number FROM issue_ranks i CROSS JOIN main.claims c
    ON c.issue_repo = i.repo AND c.issue_number = i.number
  WHERE i.is_newer AND i.source_age != i.target_age) c
JOIN main.claims USING (repo, number)
JOIN main.issues x ON x.repo = issue_repo AND x.number = issue_number GROUP BY c.repo, c.number;
CREATE TEMP TABLE outdated_source AS
SELECT c.repo, c.number, printf('%016.6f', MAX({_UPDATED.format("x")})) AS age
FROM (SELECT DISTINCT c.repo, c.number FROM issue_ranks i CROSS JOIN source.claims c
    ON c.issue_repo = i.repo AND c.issue_number = i.number
  WHERE NOT i.is_newer AND i.source_age != i.target_age) c
JOIN source.claims USING (repo, number)
JOIN source.issues x ON x.repo = issue_repo AND x.number = issue_number GROUP BY c.repo, c.number;
INSERT OR REPLACE INTO main.issues SELECT s.* FROM source.issues s
WHERE NOT EXISTS (SELECT 1 FROM main.issues t WHERE t.repo = s.repo AND t.number = s.number)
  OR EXISTS (SELECT 1 FROM issue_ranks i
    WHERE i.repo = s.repo AND i.number = s.number AND i.is_newer);
"""

# A decision made with an older issue is no decision for the next crawl, which makes it again: the
# hash of its PR is marked with the age of the issues, by which such decisions are compared.
_MARK = "outdated "
_AGE, _HASH = len(_MARK) + 1, len(_MARK) + 16 + 2  # where they begin, from 1

_UNIT = f"""
CREATE TEMP TABLE {{0}}_units AS
SELECT k.repo, k.number, p.hash AS pull, {_UPDATED.format("p")} AS age, c.hash AS candidate,
  d.hash IS p.hash AND d.hash IS NOT NULL AND o.repo IS NULL AS is_current,
  CASE WHEN d.hash LIKE '{_MARK}%' THEN substr(d.hash, {_AGE}, 16)
    WHEN o.repo IS NOT NULL AND d.hash IS p.hash THEN o.age ELSE '' END AS issues,
  json_array(d.instance_id IS NOT NULL, c.hash, CASE WHEN d.hash LIKE '{_MARK}%'
    THEN substr(d.hash, {_HASH}) ELSE d.hash END, d.instance_id, d.stage, d.reason,
    d.detail, d.inputs_hash) AS outcome
FROM ({{1}}) k
LEFT JOIN {{2}}.pulls p ON p.repo = k.repo AND p.number = k.number
LEFT JOIN {{2}}.decisions d ON d.repo = k.repo AND d.number = k.number
LEFT JOIN {{2}}.candidates c INDEXED BY candidates_repo ON c.repo = k.repo AND c.number = k.number
LEFT JOIN outdated_{{0}} o ON o.repo = k.repo AND o.number = k.number;
"""
_SOURCE_KEYS = (
    "SELECT repo, number FROM source.pulls UNION SELECT repo, number FROM source.decisions"
    " UNION SELECT repo, number FROM source.candidates"
)
_UNITS = (
    _UNIT.format("source", _SOURCE_KEYS, "source")
    + _UNIT.format("target", "SELECT repo, number FROM source_units", "main")
    + """
CREATE INDEX temp.target_units_key ON target_units (repo, number);
CREATE TEMP TABLE taken AS
SELECT s.repo, s.number, t.candidate IS NOT NULL AND s.candidate IS NULL AS is_lost
FROM source_units s JOIN target_units t USING (repo, number)
WHERE (s.age, COALESCE(s.pull, ''), s.is_current, s.issues, s.outcome)
  > (t.age, COALESCE(t.pull, ''), t.is_current, t.issues, t.outcome);
CREATE INDEX temp.taken_key ON taken (repo, number);
"""
)

_TAKE = "SELECT x.* FROM taken CROSS JOIN source.{0} x ON x.repo = taken.repo"
_TAKEN = " AND x.number = taken.number"
_REPLACE = "".join(
    f"DELETE FROM main.{table} WHERE (repo, number) IN (SELECT repo, number FROM taken);\n"
    f"INSERT OR REPLACE INTO main.{table} {_TAKE.format(table)}{_TAKEN};\n"
    for table in ("pulls", "claims", "decisions", "candidates")
)
_MARK_OUTDATED = f"""
UPDATE main.decisions SET hash = '{_MARK}' || u.age || ' ' || hash FROM (
  SELECT o.* FROM outdated_source o JOIN taken USING (repo, number)
  UNION ALL SELECT o.* FROM outdated_target o
    WHERE (o.repo, o.number) NOT IN (SELECT repo, number FROM taken)) u
WHERE u.repo = decisions.repo AND u.number = decisions.number AND hash NOT LIKE '{_MARK}%';
"""
_SCRATCH = (
    *("issue_ranks", "outdated_target", "outdated_source"),
    *("source_units", "target_units", "taken"),
)


def merge_pulls(database: sqlite3.Connection) -> tuple[int, int]:
    """Merge issues and PRs; return how many PRs were taken, and how many lost their candidate.

    A candidate is lost if the newer version of its PR was not decided on: the next crawl does that.
    """
    for script in (_ISSUES, _UNITS, _REPLACE, _MARK_OUTDATED):
        for statement in filter(str.strip, script.split(";")):
            database.execute(statement)
    row = database.execute("SELECT COUNT(*), TOTAL(is_lost) FROM taken").fetchone()
    for table in _SCRATCH:
        database.execute(f"DROP TABLE temp.{table}")
    return int(row[0]), int(row[1])
