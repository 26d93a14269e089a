"""Verify the signatures of the reporter's report, and derive one outcome per test.

The one implementation: the host uses it, and verifiers that run in an image. Standalone, for
Python 3.6 and later; outcomes are the values of `curate.builders.model.Outcome`.
"""

import hashlib
import hmac
import json
from typing import Any

from curate.builders.pytest_plugin.node_ids import escape_node_id

REPORT_FORMAT = 1

# If a test has several phases, or several tests have one id, the last of these outcomes counts.
_ORDER = ("skipped", "xfailed", "xpassed", "passed", "error", "failed")

# Required fields of each record. They are checked even though records are signed: code that finds
# the reporter in its own process can sign anything.
_FIELDS = {
    "start": {"format": int},
    "collect": {"id": str, "outcome": str},
    "test": {"id": str},
    "phase": {"id": str, "when": str, "outcome": str, "xfail": bool},
    "item": {"id": str, "values": list},
    "opened": {"id": str, "paths": list},
    "executed": {"id": str, "lines": dict},
    "modules": {"names": list},
    "ended": {"exit_status": int},
    "variant": {"number": int, "status": int},
    "altered": {"names": list},
    "finish": {"exit_status": int},
}  # type: Any

_SET_UP = ("setup", "passed")  # the only phase after which the test itself still has to run


def verify_signatures(data: bytes, key: bytes) -> Any:
    """Return the records with valid signatures, and why the next one is not valid ("" = none).

    An incomplete last line does not count as tampering: the process died while writing it.
    """
    base, last = hmac.new(key, digestmod=hashlib.sha256), b""
    records = []  # type: Any
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
        if record["event"] == "altered":
            return records, "tested code has replaced " + ", ".join(map(str, record["names"][:3]))
        records.append(record)
    if incomplete_line and records and records[-1]["event"] == "finish":
        return records, "text follows the end of the session"
    if records and records[0].get("format") != REPORT_FORMAT:
        return (
            [],
            "unknown report format {} (expected {})".format(
                records[0].get("format"), REPORT_FORMAT
            ),
        )
    return records, ""


def merge_outcomes(records: Any) -> Any:
    """Return one outcome by node id; a test that started and has none is an error.

    It killed the process or stopped the session.
    """
    outcomes = {}  # type: Any
    for record in records:
        outcome = _outcome_of_record(record)
        if outcome is None:
            continue
        name = read_node_id(record)
        outcomes[name] = max(outcomes.get(name, outcome), outcome, key=_ORDER.index)
    outcomes.update(dict.fromkeys(find_unfinished(records), "error"))
    return outcomes


def find_unfinished(records: Any) -> Any:
    """Return the node ids of tests that started and have no outcome, in order."""
    started = {}  # type: Any
    for record in records:
        if record["event"] == "test":
            started[read_node_id(record)] = None
        elif record["event"] == "phase" and (record["when"], record["outcome"]) != _SET_UP:
            started.pop(read_node_id(record), None)
    return tuple(started)


def has_finished(records: Any) -> bool:
    """Whether the session finished."""
    return bool(records and records[-1]["event"] == "finish")


def read_node_id(record: Any) -> str:
    """Return pytest's node id; characters that UTF-8 cannot encode are escaped, for storage."""
    return escape_node_id(record["id"])


def _parse_record(body: bytes) -> Any:
    try:
        record = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    fields = _FIELDS.get(str(record.get("event"))) if isinstance(record, dict) else None
    if fields is None or not all(isinstance(record.get(name), fields[name]) for name in fields):
        return None
    return record


def _outcome_of_record(record: Any) -> Any:
    if record["event"] == "collect":
        return "skipped" if record["outcome"] == "skipped" else "error"
    return _outcome_of_phase(record) if record["event"] == "phase" else None


def _outcome_of_phase(record: Any) -> Any:
    """Return the outcome of one phase; None for a passed setup or teardown, or a pending retry."""
    called = record["when"] == "call"
    is_unexpected = called and record["xfail"] and not record.get("timed_out")
    if record["outcome"] == "failed" and is_unexpected:
        return "xpassed"  # as pytest 2 tells it
    if record["outcome"] == "failed":
        return "failed" if called else "error"
    if record["outcome"] == "skipped":
        return "xfailed" if record["xfail"] else "skipped"
    if record["outcome"] == "passed" and called:
        return "xpassed" if record["xfail"] else "passed"
    return None
