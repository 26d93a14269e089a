"""Grading as SWE-bench does it, of logs as its harness gets them."""

import pytest

from curate.harness.eval_script import END_MARKER, START_MARKER, render_eval_script
from curate.harness.grading import (
    as_client_runs_it,
    find_fixed,
    find_unresolved,
    read_statuses,
)


def log(*lines: str, code: int = 0) -> str:
    inside = "\n".join(lines)
    return f"x\n{START_MARKER}\n{inside}\n{END_MARKER}\n>>>>> Test Exit Code: {code}\n"


def test_the_last_status_of_a_test_counts() -> None:
    found = read_statuses(log("PASSED a", "FAILED a - why", "SKIPPED [1] b", "XFAIL c", "OK d"))
    assert found == {"a": "FAILED", "[1]": "SKIPPED", "c": "XFAIL"}


@pytest.mark.parametrize(
    "text",
    [
        "PASSED a",
        log(),
        log("nothing"),
        log("PASSED a", code=1),
        log("PASSED a") + ">>>>> Tests Errored",
        log("PASSED a").replace(END_MARKER, ""),
    ],
)
def test_a_run_that_shows_nothing_is_none(text: str) -> None:
    assert read_statuses(text) is None


def test_a_failure_explains_an_exit_status() -> None:
    assert read_statuses(log("FAILED a", "PASSED b", code=1)) == {"a": "FAILED", "b": "PASSED"}


def test_both_lists_have_rules_of_their_own() -> None:
    statuses = {"p": "PASSED", "x": "XFAIL", "s": "SKIPPED", "f": "FAILED"}
    assert find_unresolved(statuses, ["p", "x"], ["p", "x", "s"]) == []
    assert find_unresolved(statuses, ["s", "f"], ["f", "m"]) == [
        "s: SKIPPED",
        "f: FAILED",
        "f: FAILED",
        "m: missing",
    ]
    assert find_fixed(statuses, ["p", "s", "m", "x"]) == ["p", "x"]


def test_the_client_adds_a_trace_and_the_exit_status() -> None:
    script = render_eval_script(test_patch=b"", test_command="pytest")
    lines = as_client_runs_it(script).split("\n")
    assert lines[:2] == ["#!/bin/bash", "set -uxo pipefail"]
    end = lines.index(f"echo '{END_MARKER}'")
    assert lines[end - 2 : end] == ["pytest", "SWEBENCH_TEST_EXIT_CODE=$?"]
    assert lines[end + 1] == 'echo ">>>>> Test Exit Code: $SWEBENCH_TEST_EXIT_CODE"'
