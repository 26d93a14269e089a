"""How SWE-bench 5.0 runs `eval_script` and grades what it prints."""

from collections.abc import Mapping, Sequence

from curate.builders.pytest_plugin import criteria
from curate.harness.eval_script import END_MARKER, START_MARKER

_STATUSES = ("FAILED", "PASSED", "SKIPPED", "ERROR", "XFAIL")
_BAD_LINES = tuple(
    f">>>>> {words}"
    for words in ("Patch Apply Failed", "Reset Failed", "Tests Errored", "Tests Timed Out")
)
_EXIT_CODE = ">>>>> Test Exit Code: "
_REMOVED = {"#!/bin/bash", "set -uxo pipefail"}


def as_client_runs_it(eval_script: str) -> str:
    """Return the script that SWE-bench makes of *eval_script*.

    It traces all commands, and prints the exit status of the line before the end marker.
    """
    lines = [line for line in eval_script.strip().split("\n") if line not in _REMOVED]
    end = next((n for n, line in enumerate(lines) if END_MARKER in line), None)
    if end is not None:
        status = "SWEBENCH_TEST_EXIT_CODE"
        echo = f'echo "{_EXIT_CODE}${status}"'
        lines[end : end + 1] = [f"{status}=$?", lines[end], echo]
    return "\n".join(["#!/bin/bash", "set -uxo pipefail", *lines]) + "\n"


def read_statuses(log: str) -> dict[str, str] | None:
    """Return the status of each test in *log*; None if it does not show a valid run."""
    has_markers = START_MARKER in log and END_MARKER in log
    if not has_markers or any(line in log for line in _BAD_LINES):
        return None
    found: dict[str, str] = {}
    for line in log.split(START_MARKER)[1].split(END_MARKER, maxsplit=1)[0].split("\n"):
        words = line.replace(" - ", " ").split() if line.startswith("FAILED") else line.split()
        if line.startswith(_STATUSES) and len(words) > 1:
            found[words[1]] = words[0]
    exit_code = log.partition(_EXIT_CODE)[2].partition("\n")[0].strip()
    is_hidden = criteria.hides_failure(found, int(exit_code or 0))
    return None if not found or is_hidden else found


def find_unresolved(
    statuses: Mapping[str, str], fail_to_pass: Sequence[str], pass_to_pass: Sequence[str]
) -> list[str]:
    """Return what keeps a run from being resolved, as `id: status`; [] = it is resolved."""
    unresolved: list[str] = criteria.find_unresolved(statuses, fail_to_pass, pass_to_pass)
    return unresolved


def find_fixed(statuses: Mapping[str, str], fail_to_pass: Sequence[str]) -> list[str]:
    """Return those of *fail_to_pass* that pass."""
    return [name for name in fail_to_pass if statuses.get(name) in criteria.FIXED]
