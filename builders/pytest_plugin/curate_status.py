"""Print `STATUS id` once per test at the end of a pytest session (PYTEST_DONT_REWRITE).

This file is embedded in evaluation scripts, together with its imports from this package. It runs on
Python 3.6 and later and pytest 4.6 and later. Its lines come after everything that pytest prints,
so a log parser that keeps the last status of each id keeps these. If a test has several statuses,
the first of FAILED, ERROR, PASSED, XPASS, XFAIL, SKIPPED counts, as in validation. A file that
cannot be collected is an ERROR.
"""

import os
import sys
from typing import Any

from curate.builders.pytest_plugin.environment import restore_environment
from curate.builders.pytest_plugin.test_ids import escape_test_id

_ORDER = ("SKIPPED", "XFAIL", "XPASS", "PASSED", "ERROR", "FAILED")
_statuses = {}  # type: Any
_process_state = {"output": os.dup(1), "process": os.getpid()}  # before pytest captures output


def _record_status(node_id: str, status: str) -> None:
    escaped_node_id = (node_id or ".").encode("utf-8", "backslashreplace").decode("utf-8")
    _statuses[escaped_node_id] = max(
        _statuses.get(escaped_node_id, status), status, key=_ORDER.index
    )


def pytest_collectreport(report: Any) -> None:
    """Record files that cannot be collected, or that skip themselves at module level."""
    if report.outcome != "passed":
        _record_status(report.nodeid, "SKIPPED" if report.outcome == "skipped" else "ERROR")


def pytest_runtest_logreport(report: Any) -> None:
    """Record a phase of a test; under xdist, only the controller gets these reports."""
    called = report.when == "call"
    expected = hasattr(report, "wasxfail")
    if report.outcome == "failed":
        _record_status(report.nodeid, "FAILED" if called else "ERROR")
    elif report.outcome == "skipped":
        _record_status(report.nodeid, "XFAIL" if expected else "SKIPPED")
    elif report.outcome == "passed" and called:
        _record_status(report.nodeid, "XPASS" if expected else "PASSED")


def pytest_unconfigure() -> None:
    """Print all lines to the original standard output, except in processes forked by a test."""
    if os.getpid() != _process_state["process"]:
        return
    sys.stdout.flush()
    lines = ["{} {}\n".format(status, escape_test_id(name)) for name, status in _statuses.items()]  # noqa: UP032
    text = ("\n" + "".join(lines)).encode("ascii")
    while text:
        text = text[os.write(_process_state["output"], text) :]


if __name__ == "curate_status":
    restore_environment(os.path.dirname(os.path.abspath(__file__)), "curate_status")  # noqa: PTH100, PTH120
