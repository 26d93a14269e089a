"""Reading and judging the plugin's report: signatures first, then one outcome a test."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from builders.model import Outcome

FORMAT = 1

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
class Report:
    """A verified report; where it was tampered with, only what precedes the break is told."""

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    finished: bool = False  # the session ended by itself
    tampered: str = ""  # why the report cannot be believed; "" = it can
    exit_status: int | None = None  # pytest's own, not the command's
    in_flight: tuple[str, ...] = ()  # tests that began and told nothing


def new_key() -> bytes:
    """A secret for one run."""
    return secrets.token_hex(32).encode("ascii")


def read_report(data: bytes, key: bytes) -> Report:
    """Verify *data* with the run's *key* and take one outcome a test from it.

    A last line without its end is a write cut by the process's death, not tampering. A test that
    began and told nothing is an error: it took the process with it or stopped the session.
    """
    records, tampered = _verify(data, key)
    in_flight = _in_flight(records)
    outcomes = _outcomes(records)
    outcomes.update(dict.fromkeys(in_flight, Outcome.ERROR))
    last = records[-1] if records else {}
    finished = last.get("event") == "finish"
    return Report(
        outcomes=outcomes,
        finished=finished and not tampered,
        tampered=tampered,
        exit_status=last["exit_status"] if finished else None,
        in_flight=in_flight,
    )


def _verify(data: bytes, key: bytes) -> tuple[list[dict[str, Any]], str]:
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
        record = _record(body)
        if record is None:
            return records, f"line {number} is signed and is no record"
        records.append(record)
    if cut and records and records[-1]["event"] == "finish":
        return records, "text follows the end of the session"
    if records and records[0].get("format") != FORMAT:
        return [], f"report format {records[0].get('format')} is unknown; {FORMAT} is expected"
    return records, ""


def _record(body: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        return None
    fields = _FIELDS.get(str(record.get("event"))) if isinstance(record, dict) else None
    if fields is None or not all(isinstance(record.get(name), fields[name]) for name in fields):
        return None
    return cast(dict[str, Any], record)


def _in_flight(records: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    begun: dict[str, None] = {}
    for record in records:
        if record["event"] == "test":
            begun[_name(record)] = None
        elif record["event"] == "phase" and (record["when"], record["outcome"]) != _SET_UP:
            begun.pop(_name(record), None)
    return tuple(begun)


def _outcomes(records: Iterable[Mapping[str, Any]]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for record in records:
        outcome = _record_outcome(record)
        if outcome is None:
            continue
        name = _name(record)
        known = outcomes.get(name, outcome)
        outcomes[name] = max(known, outcome, key=_ORDER.index)
    return outcomes


def _record_outcome(record: Mapping[str, Any]) -> Outcome | None:
    if record["event"] == "collect":
        return Outcome.SKIPPED if record["outcome"] == "skipped" else Outcome.ERROR
    return _phase_outcome(record) if record["event"] == "phase" else None


def _phase_outcome(record: Mapping[str, Any]) -> Outcome | None:
    """What one phase says; None where it says nothing (a good set-up, a retry yet to come)."""
    called = record["when"] == "call"
    if record["outcome"] == "failed":
        return Outcome.FAILED if called else Outcome.ERROR
    if record["outcome"] == "skipped":
        return Outcome.XFAILED if record["xfail"] else Outcome.SKIPPED
    if record["outcome"] == "passed" and called:
        return Outcome.XPASSED if record["xfail"] else Outcome.PASSED
    return None


def _name(record: Mapping[str, Any]) -> str:
    """The id as pytest has it; what UTF-8 cannot hold is escaped, for stores to take it."""
    name: str = record["id"] or "."
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
