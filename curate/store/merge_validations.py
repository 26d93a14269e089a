"""Merges validations: the newest counts, and contradicting ones count as a rejection.

Two validations with the same inputs and another verdict contradict each other: one of them, or the
task itself, cannot be relied on. What is stored then is a rejection that names every verdict, in
whatever order they were found. Verdicts for inputs that a newer validation has superseded are
remembered in `derived`, as they count again if these inputs do.
"""

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from curate.core.model import Rejection, Validation, Verdict
from curate.store.serialization import dumps, loads, to_json
from curate.store.validation_row import INSERT_VALIDATION, make_validation_row

STAGE = "merge"
REASON = "contradictory-verdicts"
_SUPERSEDED = "superseded-verdicts"  # kind in `derived`
_NO_VERDICT = Verdict(fail_to_pass=(), pass_to_pass=())

_INSERT_NEW = """
CREATE TEMP TABLE taken_validations AS SELECT s.instance_id FROM source.validations s
  LEFT JOIN main.validations t USING (instance_id) WHERE s.hash IS NOT t.hash;
INSERT INTO main.validations SELECT s.* FROM source.validations s
  WHERE NOT EXISTS (SELECT 1 FROM main.validations t WHERE t.instance_id = s.instance_id);
"""
_DIFFERENT = """
SELECT instance_id FROM source.validations s JOIN main.validations t USING (instance_id)
  WHERE s.hash != t.hash
UNION SELECT substr(key, 1, instr(key, ' ') - 1) FROM source.derived WHERE kind = ?
"""


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """An instance that counts as rejected because its validations contradict each other."""

    instance_id: str
    verdicts: tuple[str, ...]


def merge_validations(database: sqlite3.Connection) -> int:
    """Merge the validations of `source` into `main`; return how many were new there."""
    create, insert = filter(str.strip, _INSERT_NEW.split(";"))
    database.execute(create)
    new = database.execute(insert).rowcount
    for (name,) in database.execute(_DIFFERENT, (_SUPERSEDED,)).fetchall():
        _merge_one(database, name)
    database.execute(
        "DELETE FROM main.unfinished WHERE instance_id IN (SELECT * FROM taken_validations)"
    )
    database.execute("DROP TABLE temp.taken_validations")
    return new


def describe_verdict(verdict: Verdict) -> str:
    """Return a line that is the same for two verdicts if, and only if, they agree."""
    rejection, lists = verdict.rejection, (verdict.fail_to_pass, verdict.pass_to_pass)
    name = f"{rejection.stage}/{rejection.reason}" if rejection else "verified"
    if rejection and not any(lists):
        return name
    digest = hashlib.sha256(json.dumps(lists).encode()).hexdigest()[:12]
    return f"{name}, {len(lists[0])} FAIL_TO_PASS, {len(lists[1])} PASS_TO_PASS ({digest})"


def read_set_aside(validation: Validation) -> SetAside | None:
    """Return the verdicts of a validation that stands for contradicting ones; None for others."""
    found = validation.verdict.rejection
    if found is None or (found.stage, found.reason) != (STAGE, REASON):
        return None
    return SetAside(instance_id=validation.instance_id, verdicts=tuple(found.detail.splitlines()))


def _merge_one(database: sqlite3.Connection, name: str) -> None:
    """Merge what both stores hold of one instance."""
    found = [
        (*row, loads(Validation, row[1]))
        for store in ("main", "source")
        for row in database.execute(
            f"SELECT repo, data FROM {store}.validations WHERE instance_id = ?", (name,)
        )
    ]
    verdicts: dict[str, set[str]] = defaultdict(set)
    for inputs_hash, lines in _read_superseded(database, name):
        verdicts[inputs_hash] |= lines
    for _, _, validation in found:
        verdicts[validation.inputs_hash] |= _list_verdicts(validation)
    repo, data, newest = max(found, key=lambda each: (*_rank(each[2]), each[1]))
    lines = verdicts.pop(newest.inputs_hash)
    if len(lines) > 1:
        newest = _set_aside(newest, lines)
        data = dumps(newest)
    row = make_validation_row(repo, newest, data)
    database.execute(INSERT_VALIDATION.replace("validations", "main.validations"), row)
    database.execute(
        "DELETE FROM main.derived WHERE kind = ? AND key = ?",
        (_SUPERSEDED, f"{name} {newest.inputs_hash}"),
    )
    database.executemany(
        "INSERT OR REPLACE INTO main.derived VALUES (?, ?, ?, ?)",
        [
            (_SUPERSEDED, f"{name} {inputs_hash}", inputs_hash, "\n".join(sorted(others)).encode())
            for inputs_hash, others in verdicts.items()
        ],
    )


def _read_superseded(database: sqlite3.Connection, name: str) -> Iterator[tuple[str, set[str]]]:
    for store in ("main", "source"):
        query = f"SELECT inputs, data FROM {store}.derived WHERE kind = ? AND key GLOB ?"
        for inputs_hash, data in database.execute(query, (_SUPERSEDED, f"{name} *")).fetchall():
            yield inputs_hash, set(data.decode().splitlines())


def _list_verdicts(validation: Validation) -> set[str]:
    aside = read_set_aside(validation)
    return set(aside.verdicts) if aside else {describe_verdict(validation.verdict)}


def _rank(validation: Validation) -> tuple[Any, ...]:
    """By what the newest of several is found; the verdict does not matter, it may be replaced."""
    facts = to_json(replace(validation, verdict=_NO_VERDICT))
    return validation.finished_at, validation.inputs_hash, facts


def _set_aside(newest: Validation, verdicts: set[str]) -> Validation:
    rejection = Rejection(stage=STAGE, reason=REASON, detail="\n".join(sorted(verdicts)))
    return replace(newest, verdict=replace(_NO_VERDICT, rejection=rejection))
