"""Print `STATUS id` once per test at the end of a pytest session (PYTEST_DONT_REWRITE).

This file is embedded in evaluation scripts, together with its imports from this package. It runs on
Python 3.6 and later and pytest 2.8 and later. Its lines come after everything that pytest prints,
so a log parser that keeps the last status of each id keeps these. If a test has several statuses,
the first of FAILED, ERROR, PASSED, XPASS, XFAIL, SKIPPED counts, as in validation. A file that
cannot be collected is an ERROR. A test that exceeds its time is FAILED.
"""

import os
import sys
from typing import Any

import pytest

from curate.builders.pytest_plugin.environment import restore_environment
from curate.builders.pytest_plugin.status_journal import StatusJournal
from curate.builders.pytest_plugin.test_ids import escape_test_id
from curate.builders.pytest_plugin.time_limit import limit_session

_FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
_journal = StatusJournal(os.path.join(_FOLDER, "statuses"))  # noqa: PTH118
_process_state = {"output": os.dup(1), "process": os.getpid()}  # before pytest captures output


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any) -> None:
    """Start the time limit before any file of the project is imported."""
    seconds = float(os.environ.pop("CURATE_TEST_SECONDS", "0"))
    limit, _ = limit_session(early_config, seconds, stop=False)
    limit.list_started_tests = lambda: [name for name, _ in _journal.read()]
    limit.enable_workers(__file__)
    _process_state["process"] = os.getpid()
    if limit.hung:
        _record_status(limit.hung[-1], "FAILED")


def _record_status(node_id: str, status: str) -> None:
    """Append to a file: processes with tests that hang are killed, and others continue."""
    if os.getpid() == _process_state["process"]:
        _journal.add(node_id, status)


def pytest_collectreport(report: Any) -> None:
    """Record files that cannot be collected, or that skip themselves at module level."""
    if report.outcome != "passed":
        _record_status(report.nodeid, "SKIPPED" if report.outcome == "skipped" else "ERROR")


def pytest_runtest_logreport(report: Any) -> None:
    """Record a phase of a test; under xdist, only the controller gets these reports."""
    called = report.when == "call"
    expected = hasattr(report, "wasxfail")
    in_time = not getattr(report, "curate_timed_out", False)
    if report.outcome == "failed" and called and expected and in_time:
        _record_status(report.nodeid, "XPASS")  # as pytest 2 tells it
    elif report.outcome == "failed":
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
    _journal.end()
    statuses = _journal.merge()
    lines = ["{} {}\n".format(status, escape_test_id(name)) for name, status in statuses.items()]  # noqa: UP032
    text = ("\n" + "".join(lines)).encode("ascii")
    while text:
        text = text[os.write(_process_state["output"], text) :]


if __name__ == "curate_status":
    restore_environment(_FOLDER, "curate_status")
