"""Verification and reading of reports, against an independent writer of the format."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.builders.model import Outcome
from curate.builders.pytest_plugin import read_report

KEY = b"k" * 64
START = {"event": "start", "format": 1}
FINISH = {"event": "finish", "exit_status": 1}


def begun(name: str) -> dict[str, Any]:
    return {"event": "test", "id": name}


def phase(name: str, when: str, outcome: str, *, xfail: bool = False) -> dict[str, Any]:
    return {"event": "phase", "id": name, "when": when, "outcome": outcome, "xfail": xfail}


def written(*records: dict[str, Any], key: bytes = KEY) -> bytes:
    lines, last = [], b""
    for record in records:
        body = json.dumps(record).encode()
        last = hmac.new(key, last + body, hashlib.sha256).hexdigest().encode()
        lines.append(last + b" " + body + b"\n")
    return b"".join(lines)


WHOLE = written(
    START,
    begun("a"),
    phase("a", "setup", "passed"),
    phase("a", "call", "failed"),
    phase("a", "teardown", "passed"),
    begun("b"),
    phase("b", "setup", "passed"),
    phase("b", "call", "passed"),
    phase("b", "teardown", "passed"),
    FINISH,
)


def test_whole_report() -> None:
    report = read_report(WHOLE, KEY)
    assert report.is_finished and not report.tampering and report.exit_status == 1
    assert report.outcomes == {"a": Outcome.FAILED, "b": Outcome.PASSED}


@pytest.mark.parametrize(
    ("phases", "outcome"),
    [
        ([("setup", "failed")], "error"),
        ([("setup", "skipped")], "skipped"),
        ([("call", "passed"), ("teardown", "failed")], "error"),
        ([("call", "failed"), ("teardown", "failed")], "failed"),
        ([("call", "passed"), ("teardown", "passed")], "passed"),
        ([("call", "passed"), ("call", "failed")], "failed"),
        ([("call", "failed"), ("call", "passed")], "failed"),
        ([("call", "rerun"), ("call", "passed")], "passed"),
        ([("call", "skipped"), ("call", "passed")], "passed"),
        ([("???", "failed")], "error"),
        ([], "error"),
        ([("setup", "passed")], "error"),
    ],
)
def test_phases_of_a_test(phases: list[tuple[str, ...]], outcome: str) -> None:
    records = [phase("t", when, told) for when, told in phases]
    report = read_report(written(START, begun("t"), *records, FINISH), KEY)
    assert report.outcomes == {"t": Outcome(outcome)}


def test_expected_failures() -> None:
    records = [
        phase("a", "call", "skipped", xfail=True),
        phase("b", "call", "passed", xfail=True),
        phase("c", "setup", "skipped", xfail=True),
        phase("d", "call", "failed", xfail=True),  # pytest 2
    ]
    outcomes = read_report(written(START, *records, FINISH), KEY).outcomes
    assert [str(outcome) for outcome in outcomes.values()] == [
        *("xfailed", "xpassed", "xfailed", "xpassed"),
    ]


def test_collection_errors_and_skips() -> None:
    records = [
        {"event": "collect", "id": i, "outcome": o}
        for i, o in (("x", "failed"), ("", "failed"), ("y", "skipped"))
    ]
    outcomes = read_report(written(START, *records, FINISH), KEY).outcomes
    assert outcomes == {"x": Outcome.ERROR, ".": Outcome.ERROR, "y": Outcome.SKIPPED}


def test_names_that_utf8_cannot_hold() -> None:
    records = [phase("a\n\ud800\u00fc", "call", "passed")]
    assert list(read_report(written(START, *records, FINISH), KEY).outcomes) == ["a\n\\ud800\u00fc"]


def test_cut_by_death_in_a_write() -> None:
    lines = WHOLE.splitlines(keepends=True)
    report = read_report(b"".join(lines[:3]) + lines[3][:20], KEY)
    assert not report.is_finished and not report.tampering
    assert report.outcomes == {"a": Outcome.ERROR} and report.unfinished_tests == ("a",)


def test_foreign_key() -> None:
    assert read_report(written(START, FINISH, key=b"other"), KEY).tampering


def test_what_tested_code_replaced_counts_as_tampering() -> None:
    altered = {"event": "altered", "names": ["runner.runtestprotocol"]}
    told = read_report(written(START, altered, FINISH), KEY)
    assert "replaced runner.runtestprotocol" in told.tampering and not told.is_finished


def test_unknown_format() -> None:
    assert (
        "format 2" in read_report(written({"event": "start", "format": 2}, FINISH), KEY).tampering
    )


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"7",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"event": ["test"]}',
        b'{"event": "unknown"}',
        b'{"event": "test", "id": null}',
        b'{"event": "phase", "id": "a", "when": "call", "outcome": ["passed"], "xfail": false}',
        b'{"event": "finish"}',
        b'{"event": "finish", "exit_status": ' + b"9" * 5000 + b"}",
    ],
)
def test_signed_lines_that_are_no_records(body: bytes) -> None:
    start = written(START, begun("a"))
    last = start.splitlines()[-1].partition(b" ")[0]
    mac = hmac.new(KEY, last + body, hashlib.sha256).hexdigest().encode()
    report = read_report(start + mac + b" " + body + b"\n", KEY)
    assert "not a valid record" in report.tampering and not report.is_finished


@given(st.data())
def test_every_change_of_lines_shows(data: st.DataObject) -> None:
    lines = WHOLE.splitlines(keepends=True)
    kind = data.draw(st.sampled_from(("drop", "repeat", "swap", "byte", "append")))
    at = data.draw(st.integers(0, len(lines) - 2))
    if kind == "drop":
        del lines[at]
    elif kind == "repeat":
        lines.insert(at, lines[at])
    elif kind == "swap":
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    elif kind == "byte":
        place = data.draw(st.integers(0, len(lines[at]) - 2))
        changed = bytes([lines[at][place] ^ 1])
        lines[at] = lines[at][:place] + changed + lines[at][place + 1 :]
    else:
        lines.append(data.draw(st.binary(min_size=1)))
    report = read_report(b"".join(lines), KEY)
    assert report.tampering and not report.is_finished
