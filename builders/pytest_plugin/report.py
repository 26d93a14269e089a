"""Reading and judging the plugin's report: signatures first, then one outcome a test."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from builders.model import Outcome

REPORT_FORMAT = 1

# Where a test has several phases, or an id several tests, the right-most outcome counts.
_ORDER = (
    Outcome.SKIPPED,
    Outcome.XFAILED,
    Outcome.XPASSED,
    Outcome.PASSED,
    Outcome.ERROR,
    Outcome.FAILED,
)

# What each record holds; code that finds the reporter in its own process can sign anything.
_FIELDS: Mapping[str, Mapping[str, type]] = {
    "start": {"format": int},
    "collect": {"id": str, "outcome": str},
    "test": {"id": str},
    "phase": {"id": str, "when": str, "outcome": str, "xfail": bool},
    "finish": {"exit_status": int},
}

_SET_UP = ("setup", "passed")  # the one phase after which a test is still to be run


@dataclass(frozen=True, kw_only=True)
class PytestReport:
    """A verified report; where it was tampered with, only what precedes the break is told."""

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    is_finished: bool = False  # the session ended by itself
    tampering: str = ""  # why the report cannot be believed; "" = it can
    exit_status: int | None = None  # pytest's own, not the command's
    unfinished_tests: tuple[str, ...] = ()  # tests that began and told nothing


def generate_key() -> bytes:
    """A secret for one run."""
    return secrets.token_hex(32).encode("ascii")


def read_report(data: bytes, key: bytes) -> PytestReport:
    """Verify *data* with the run's *key* and take one outcome a test from it.

    A last line without its end is a write cut by the process's death, not tampering. A test that
    began and told nothing is an error: it took the process with it or stopped the session.
    """
    records, tampered = _verify_signatures(data, key)
    in_flight = _find_unfinished(records)
    outcomes = _merge_outcomes(records)
    outcomes.update(dict.fromkeys(in_flight, Outcome.ERROR))
    last = records[-1] if records else {}
    finished = last.get("event") == "finish"
    return PytestReport(
        outcomes=outcomes,
        is_finished=finished and not tampered,
        tampering=tampered,
        exit_status=last["exit_status"] if finished else None,
        unfinished_tests=in_flight,
    )


def _verify_signatures(data: bytes, key: bytes) -> tuple[list[dict[str, Any]], str]:
    base, last = hmac.new(key, digestmod=hashlib.sha256), b""
    records: list[dict[str, Any]] = []
    lines = data.split(b"\n")
    cut = lines.pop()
    for number, line in enumerate(lines, start=1):
        if records and records[-1]["event"] == "finish":
            return records, f"line {number} follows the end of the session"
        given, _, body = line.partition(b" ")
        mac = base.copy()
        mac.update(last + body)
        last = mac.hexdigest().encode("ascii")
        if not hmac.compare_digest(given, last):
            return records, f"line {number} has no valid signature"
        record = _parse_record(body)
        if record is None:
            return records, f"line {number} is signed and is no record"
        records.append(record)
    if cut and records and records[-1]["event"] == "finish":
        return records, "text follows the end of the session"
    if records and records[0].get("format") != REPORT_FORMAT:
        return (
            [],
            f"report format {records[0].get('format')} is unknown; {REPORT_FORMAT} is expected",
        )
    return records, ""


def _parse_record(body: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        return None
    fields = _FIELDS.get(str(record.get("event"))) if isinstance(record, dict) else None
    if fields is None or not all(isinstance(record.get(name), fields[name]) for name in fields):
        return None
    return cast(dict[str, Any], record)


def _find_unfinished(records: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    started: dict[str, None] = {}
    for record in records:
        if record["event"] == "test":
            started[_node_id_of(record)] = None
        elif record["event"] == "phase" and (record["when"], record["outcome"]) != _SET_UP:
            started.pop(_node_id_of(record), None)
    return tuple(started)


def _merge_outcomes(records: Iterable[Mapping[str, Any]]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for record in records:
        outcome = _outcome_of_record(record)
        if outcome is None:
            continue
        name = _node_id_of(record)
        known = outcomes.get(name, outcome)
        outcomes[name] = max(known, outcome, key=_ORDER.index)
    return outcomes


def _outcome_of_record(record: Mapping[str, Any]) -> Outcome | None:
    if record["event"] == "collect":
        return Outcome.SKIPPED if record["outcome"] == "skipped" else Outcome.ERROR
    return _outcome_of_phase(record) if record["event"] == "phase" else None


def _outcome_of_phase(record: Mapping[str, Any]) -> Outcome | None:
    """What one phase says; None where it says nothing (a good set-up, a retry yet to come)."""
    called = record["when"] == "call"
    if record["outcome"] == "failed":
        return Outcome.FAILED if called else Outcome.ERROR
    if record["outcome"] == "skipped":
        return Outcome.XFAILED if record["xfail"] else Outcome.SKIPPED
    if record["outcome"] == "passed" and called:
        return Outcome.XPASSED if record["xfail"] else Outcome.PASSED
    return None


def _node_id_of(record: Mapping[str, Any]) -> str:
    """The id as pytest has it; what UTF-8 cannot hold is escaped, for stores to take it."""
    name: str = record["id"] or "."
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
