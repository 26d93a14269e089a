"""Verify the signatures of the plugin's report and derive one outcome per test."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from curate.builders.model import CollectedTest, Outcome, Recording

REPORT_FORMAT = 1

# If a test has several phases, or several tests have one id, the last of these outcomes counts.
_ORDER = (
    Outcome.SKIPPED,
    Outcome.XFAILED,
    Outcome.XPASSED,
    Outcome.PASSED,
    Outcome.ERROR,
    Outcome.FAILED,
)

# Required fields of each record. They are checked even though records are signed: code that finds
# the reporter in its own process can sign anything.
_FIELDS: Mapping[str, Mapping[str, type]] = {
    "start": {"format": int},
    "collect": {"id": str, "outcome": str},
    "test": {"id": str},
    "phase": {"id": str, "when": str, "outcome": str, "xfail": bool},
    "item": {"id": str, "values": list},
    "opened": {"id": str, "paths": list},
    "altered": {"names": list},
    "finish": {"exit_status": int},
}

_SET_UP = ("setup", "passed")  # the only phase after which the test itself still has to run


@dataclass(frozen=True, kw_only=True)
class PytestReport:
    """A verified report; if it was tampered with, only the records before that point."""

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    is_finished: bool = False  # the session finished
    tampering: str = ""  # why the report is not trusted; "" = it is
    exit_status: int | None = None  # pytest's own, not the command's
    unfinished_tests: tuple[str, ...] = ()  # tests that started and have no outcome
    timed_out_tests: tuple[str, ...] = ()  # tests that exceeded the time limit of a test
    slowest_test_seconds: float = 0.0  # longest phase of a test that did not
    recording: Recording | None = None  # of a run that records files
    altered: tuple[str, ...] = ()  # parts of pytest that tested code has replaced


def generate_key() -> bytes:
    """Return a new secret key for one run."""
    return secrets.token_hex(32).encode("ascii")


def read_report(data: bytes, key: bytes) -> PytestReport:
    """Verify *data* with the run's *key* and derive one outcome per test.

    An incomplete last line does not count as tampering: the process died while writing it. A test
    that started and has no outcome is an ERROR: it killed the process or stopped the session.
    """
    records, tampering = _verify_signatures(data, key)
    unfinished = _find_unfinished(records)
    outcomes = _merge_outcomes(records)
    outcomes.update(dict.fromkeys(unfinished, Outcome.ERROR))
    timed_out = dict.fromkeys(_node_id_of(it) for it in records if it.get("timed_out"))
    phases = (it for it in records if it["event"] == "phase" and not it.get("timed_out"))
    last = records[-1] if records else {}
    is_finished = last.get("event") == "finish"
    return PytestReport(
        outcomes=outcomes,
        is_finished=is_finished and not tampering,
        tampering=tampering,
        exit_status=last["exit_status"] if is_finished else None,
        unfinished_tests=unfinished,
        timed_out_tests=tuple(timed_out),
        slowest_test_seconds=max((float(it.get("seconds", 0)) for it in phases), default=0.0),
        recording=_read_recording(records),
        altered=tuple(
            str(name) for it in records if it["event"] == "altered" for name in it["names"]
        ),
    )


def _read_recording(records: Iterable[Mapping[str, Any]]) -> Recording | None:
    """Return the collected tests and opened files; None if the run did not record them."""
    tests: dict[str, tuple[str, ...]] = {}
    opened: dict[str, list[str]] = {}
    for record in records:
        if record["event"] == "item":
            tests[str(record["id"])] = tuple(map(str, record["values"]))
        elif record["event"] == "opened":
            opened.setdefault(str(record["id"]), []).extend(map(str, record["paths"]))
    if not tests and not opened:
        return None
    return Recording(
        tests=tuple(CollectedTest(argument=it, values=tests[it]) for it in tests),
        opened={name: tuple(paths) for name, paths in opened.items()},
    )


def _verify_signatures(data: bytes, key: bytes) -> tuple[list[dict[str, Any]], str]:
    """Return the records with valid signatures, and why the next one is not valid ("" = none)."""
    base, last = hmac.new(key, digestmod=hashlib.sha256), b""
    records: list[dict[str, Any]] = []
    lines = data.split(b"\n")
    incomplete_line = lines.pop()
    for number, line in enumerate(lines, start=1):
        if records and records[-1]["event"] == "finish":
            return records, f"line {number} follows the end of the session"
        signature, _, body = line.partition(b" ")
        mac = base.copy()
        mac.update(last + body)
        last = mac.hexdigest().encode("ascii")
        if not hmac.compare_digest(signature, last):
            return records, f"line {number} has no valid signature"
        record = _parse_record(body)
        if record is None:
            return records, f"line {number} is signed but not a valid record"
        records.append(record)
    if incomplete_line and records and records[-1]["event"] == "finish":
        return records, "text follows the end of the session"
    if records and records[0].get("format") != REPORT_FORMAT:
        return (
            [],
            f"unknown report format {records[0].get('format')} (expected {REPORT_FORMAT})",
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
    """Return the outcome of one phase; None for a passed setup or teardown, or a pending retry."""
    called = record["when"] == "call"
    is_unexpected = called and record["xfail"] and not record.get("timed_out")
    if record["outcome"] == "failed" and is_unexpected:
        return Outcome.XPASSED  # as pytest 2 tells it
    if record["outcome"] == "failed":
        return Outcome.FAILED if called else Outcome.ERROR
    if record["outcome"] == "skipped":
        return Outcome.XFAILED if record["xfail"] else Outcome.SKIPPED
    if record["outcome"] == "passed" and called:
        return Outcome.XPASSED if record["xfail"] else Outcome.PASSED
    return None


def _node_id_of(record: Mapping[str, Any]) -> str:
    """Return pytest's node id; characters that UTF-8 cannot encode are escaped, for storage."""
    name: str = record["id"] or "."
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
