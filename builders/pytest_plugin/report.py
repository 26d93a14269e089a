"""The reporter's report as a record: its signatures verified, one outcome per test."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from curate.builders.model import CollectedTest, Outcome, Recording, VariantResult
from curate.builders.pytest_plugin.signed_report import (
    REPORT_FORMAT,
    find_unfinished,
    has_finished,
    merge_outcomes,
    read_node_id,
    verify_signatures,
)

__all__ = ["REPORT_FORMAT", "PytestReport", "generate_key", "read_report"]


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
    executed: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict)
    modules: tuple[str, ...] = ()  # imported packages that are not of the project
    variants: tuple[VariantResult, ...] = ()


def generate_key() -> bytes:
    """Return a new secret key for one run."""
    return secrets.token_hex(32).encode("ascii")


def read_report(data: bytes, key: bytes) -> PytestReport:
    """Verify *data* with the run's *key* and derive one outcome per test.

    See `curate.builders.pytest_plugin.signed_report`.
    """
    records, tampering = verify_signatures(data, key)
    timed_out = dict.fromkeys(read_node_id(it) for it in records if it.get("timed_out"))
    phases = (it for it in records if it["event"] == "phase" and not it.get("timed_out"))
    is_finished = has_finished(records)
    return PytestReport(
        outcomes={name: Outcome(it) for name, it in merge_outcomes(records).items()},
        is_finished=is_finished and not tampering,
        tampering=tampering,
        exit_status=records[-1]["exit_status"] if is_finished else None,
        unfinished_tests=find_unfinished(records),
        timed_out_tests=tuple(timed_out),
        slowest_test_seconds=max((float(it.get("seconds", 0)) for it in phases), default=0.0),
        recording=_read_recording(records),
        executed=_read_executed(records),
        modules=tuple(name for it in records if it["event"] == "modules" for name in it["names"]),
        variants=tuple(_iter_variants(records)),
    )


def _iter_variants(records: Iterable[Mapping[str, Any]]) -> Iterator[VariantResult]:
    """Yield the result of each session of a run with variants."""
    session: list[Mapping[str, Any]] = []
    for record in records:
        if record["event"] != "variant":
            session.append(record)
            continue
        is_complete = bool(session) and session[-1]["event"] == "ended"
        yield VariantResult(
            outcomes={name: Outcome(it) for name, it in merge_outcomes(session).items()},
            is_complete=is_complete,
        )
        session = []


def _read_executed(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the executed lines by node id and path."""
    found: dict[str, dict[str, set[int]]] = {}
    for record in records:
        if record["event"] == "executed":
            of_test = found.setdefault(read_node_id(record), {})
            for path, lines in record["lines"].items():
                of_test.setdefault(str(path), set()).update(map(int, lines))
    return {
        name: {path: tuple(sorted(lines)) for path, lines in of_test.items()}
        for name, of_test in found.items()
    }


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
