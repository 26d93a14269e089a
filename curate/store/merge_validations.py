"""Merges validations: the newest counts, and contradicting ones count as a rejection.

Two validations with the same inputs and another verdict contradict each other: one of them, or the
task itself, cannot be relied on. What is stored then is a rejection that names every verdict, in
whatever order they were found. Verdicts for inputs that a newer validation has superseded are
remembered, as they count again if these inputs do.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from curate.core.model import Rejection, Validation, Verdict
from curate.store.serialization import dumps, loads, to_json
from curate.store.validation_row import INSERT_VALIDATION, make_validation_row
from curate.store.verdicts import (
    REASON,
    REPLACED,
    STAGE,
    SUPERSEDED,
    list_verdicts,
    read_lines,
    read_set_aside,
    save_lines,
)

_Found = tuple[str, bytes, Validation]  # repository, serialized form
_STORES = ("main", "source")
_NO_VERDICT = Verdict(fail_to_pass=(), pass_to_pass=())

_FIND_TAKEN = """
CREATE TEMP TABLE taken_validations AS SELECT s.instance_id FROM source.validations s
  LEFT JOIN main.validations t USING (instance_id) WHERE s.hash IS NOT t.hash
"""
_INSERT_NEW = """
INSERT INTO main.validations SELECT s.* FROM source.validations s
  WHERE NOT EXISTS (SELECT 1 FROM main.validations t WHERE t.instance_id = s.instance_id)
"""
_DIFFERENT = """
SELECT instance_id FROM source.validations s JOIN main.validations t USING (instance_id)
  WHERE s.hash != t.hash
UNION SELECT substr(key, 1, instr(key, ' ') - 1) FROM source.derived WHERE kind IN (?, ?)
"""


def merge_validations(database: sqlite3.Connection) -> int:
    """Merge the validations of `source` into `main`; return how many were new there."""
    database.execute(_FIND_TAKEN)
    new = database.execute(_INSERT_NEW).rowcount
    for (name,) in database.execute(_DIFFERENT, (SUPERSEDED, REPLACED)).fetchall():
        _merge_one(database, name)
    database.execute(
        "DELETE FROM main.unfinished WHERE instance_id IN (SELECT * FROM taken_validations)"
    )
    database.execute("DROP TABLE temp.taken_validations")
    return new


def _merge_one(database: sqlite3.Connection, name: str) -> None:
    """Merge what both stores hold of one instance."""
    query = "SELECT repo, data FROM {}.validations WHERE instance_id = ?"
    found = [
        (*row, loads(Validation, row[1]))
        for store in _STORES
        for row in database.execute(query.format(store), (name,)).fetchall()
    ]
    verdicts = _unite(database, SUPERSEDED, name)
    for _, _, validation in found:
        verdicts[validation.inputs_hash] |= list_verdicts(validation)
    replaced = _unite(database, REPLACED, name)
    if found:
        repo, data, newest = _find_newest(found)
        everything = verdicts.pop(newest.inputs_hash)
        lines = everything - replaced[newest.inputs_hash] or everything
        _save(database, repo, *_choose(found, newest, data, lines))
        save_lines(database, SUPERSEDED, name, newest.inputs_hash, set())
    for kind, noted in ((SUPERSEDED, verdicts), (REPLACED, replaced)):
        for inputs_hash, lines in noted.items():
            save_lines(database, kind, name, inputs_hash, lines)


def _unite(database: sqlite3.Connection, kind: str, name: str) -> defaultdict[str, set[str]]:
    """Return the verdicts that either store has noted, by hash of inputs."""
    united: defaultdict[str, set[str]] = defaultdict(set)
    for store in _STORES:
        noted: Mapping[str, set[str]] = read_lines(database, store, kind, name)
        for inputs_hash, lines in noted.items():
            united[inputs_hash] |= lines
    return united


def _choose(
    found: Sequence[_Found], newest: Validation, data: bytes, lines: set[str]
) -> tuple[Validation, bytes]:
    """Return the record to store, whose verdicts are *lines*, and its serialized form."""
    if len(lines) == 1:
        # Another one, if the newest was replaced, or stands for a contradiction that is settled.
        same = [it for it in found if it[2].inputs_hash == newest.inputs_hash]
        agreeing = [it for it in same if list_verdicts(it[2]) == lines]
        if agreeing:
            _, data, chosen = _find_newest(agreeing)
            return chosen, data
        if read_set_aside(newest):
            return newest, data
    aside = _set_aside(newest, lines)
    return aside, dumps(aside)


def _find_newest(found: Sequence[_Found]) -> _Found:
    """Return the validation that finished last.

    Of several, the greatest; the verdict comes last, as it may be replaced.
    """
    last = max((each[2].finished_at, each[2].inputs_hash) for each in found)
    newest = [it for it in found if (it[2].finished_at, it[2].inputs_hash) == last]
    if len(newest) == 1:
        return newest[0]
    return max(newest, key=lambda it: (to_json(replace(it[2], verdict=_NO_VERDICT)), it[1]))


def _set_aside(newest: Validation, verdicts: set[str]) -> Validation:
    rejection = Rejection(stage=STAGE, reason=REASON, detail="\n".join(sorted(verdicts)))
    return replace(newest, verdict=replace(_NO_VERDICT, rejection=rejection))


def _save(database: sqlite3.Connection, repo: str, validation: Validation, data: bytes) -> None:
    statement = INSERT_VALIDATION.replace("validations", "main.validations")
    database.execute(statement, make_validation_row(repo, validation, data))
