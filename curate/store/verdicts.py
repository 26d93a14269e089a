"""Verdicts as lines that can be compared, and which of them count when stores are merged.

For every instance and hash of inputs the table `derived` has the verdicts that do not count: those
that a newer validation of other inputs has superseded, and those that a later validation of the
same inputs has replaced, as `curate validate --retry-rejected` does.
"""

import hashlib
import json
import sqlite3
from dataclasses import dataclass

from curate.core.model import Validation, Verdict
from curate.store.serialization import loads

STAGE = "merge"
REASON = "contradictory-verdicts"
SUPERSEDED, REPLACED = "superseded-verdicts", "replaced-verdicts"  # kinds in `derived`


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """An instance that counts as rejected because its validations contradict each other."""

    instance_id: str
    verdicts: tuple[str, ...]


def read_set_aside(validation: Validation) -> SetAside | None:
    """Return the verdicts of a validation that stands for contradicting ones; None for others."""
    found = validation.verdict.rejection
    if found is None or (found.stage, found.reason) != (STAGE, REASON):
        return None
    return SetAside(instance_id=validation.instance_id, verdicts=tuple(found.detail.splitlines()))


def describe_verdict(verdict: Verdict) -> str:
    """Return a line that is the same for two verdicts if, and only if, they agree."""
    rejection, lists = verdict.rejection, (verdict.fail_to_pass, verdict.pass_to_pass)
    name = f"{rejection.stage}/{rejection.reason}" if rejection else "verified"
    if rejection and not any(lists):
        return name
    digest = hashlib.sha256(json.dumps(lists).encode()).hexdigest()[:12]
    return f"{name}, {len(lists[0])} FAIL_TO_PASS, {len(lists[1])} PASS_TO_PASS ({digest})"


def list_verdicts(validation: Validation) -> set[str]:
    """Return the verdict of a validation as a line, or those it was set aside for."""
    aside = read_set_aside(validation)
    return set(aside.verdicts) if aside else {describe_verdict(validation.verdict)}


def note_replaced(database: sqlite3.Connection, validation: Validation) -> None:
    """Note the verdicts that *validation* is about to replace: a merge must not bring them back."""
    name, inputs_hash = validation.instance_id, validation.inputs_hash
    query = "SELECT data FROM validations WHERE instance_id = ? AND inputs_hash = ?"
    row = database.execute(query, (name, inputs_hash)).fetchone()
    if row is None:
        return
    known = read_lines(database, "main", REPLACED, name).get(inputs_hash, set())
    lines = (known | list_verdicts(loads(Validation, row[0]))) - list_verdicts(validation)
    if lines != known:
        save_lines(database, REPLACED, name, inputs_hash, lines)


def read_lines(
    database: sqlite3.Connection, schema: str, kind: str, name: str
) -> dict[str, set[str]]:
    """Return the noted verdicts of an instance by hash of inputs."""
    query = f"SELECT inputs, data FROM {schema}.derived WHERE kind = ? AND key >= ? AND key < ?"
    rows = database.execute(query, (kind, f"{name} ", f"{name}!")).fetchall()  # "!" follows " "
    return {inputs_hash: set(data.decode().splitlines()) for inputs_hash, data in rows}


def save_lines(
    database: sqlite3.Connection, kind: str, name: str, inputs_hash: str, lines: set[str]
) -> None:
    """Note *lines* as verdicts of an instance and its inputs, or that there are none."""
    key = f"{name} {inputs_hash}"
    database.execute("DELETE FROM main.derived WHERE kind = ? AND key = ?", (kind, key))
    if lines:
        database.execute(
            "INSERT INTO main.derived VALUES (?, ?, ?, ?)",
            (kind, key, inputs_hash, "\n".join(sorted(lines)).encode()),
        )
