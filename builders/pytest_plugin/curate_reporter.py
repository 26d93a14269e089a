"""Record the outcome of each test from inside the pytest session (PYTEST_DONT_REWRITE).

This file is copied into sandboxes as text. It must run standalone on Python 3.6 and later and
pytest 2.8 and later. It is loaded through PYTEST_PLUGINS, which a project's `addopts` cannot
override. It observes and limits the time of tests; without CURATE_REPORT in the environment, or
without the key file, it does nothing.

CURATE_REPORT is the path of the report. The key is in the file `key` next to it, which is read once
and removed. Environment variables are restored to what the project would have seen, so that neither
tests nor child processes (xdist workers, tests that start pytest) find a trace of the plugin.

A line of the report is `<hex mac> <json>`, where the mac is the HMAC-SHA256 over the mac of the
previous line and the JSON text. So without the key, no line can be added, changed, reordered or
removed. The last record is `finish`; without it, the session did not finish. If a test had to be
killed with its process, the next process continues the report.
"""

import hashlib
import hmac
import io
import json
import os
import sys
from typing import Any

import pytest

from curate.builders.pytest_plugin.environment import restore_environment
from curate.builders.pytest_plugin.file_recorder import FileRecorder
from curate.builders.pytest_plugin.internals import InternalsWatch
from curate.builders.pytest_plugin.line_recorder import LineRecorder
from curate.builders.pytest_plugin.supervisor import SharedState
from curate.builders.pytest_plugin.test_choice import TestChoice
from curate.builders.pytest_plugin.time_limit import limit_session
from curate.builders.pytest_plugin.variants import fork_variants, read_chain

REPORT_FORMAT = 1
MAX_REASONS = 40


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any) -> None:
    """Register the reporter before any file of the project is imported."""
    path = os.environ.pop("CURATE_REPORT", "")
    seconds = float(os.environ.pop("CURATE_TEST_SECONDS", "0"))
    stop = bool(os.environ.pop("CURATE_STOP_AT_TIMEOUT", ""))
    record = os.environ.pop("CURATE_RECORD", "")
    scope = os.environ.pop("CURATE_SCOPE", "")
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    restore_environment(folder, "curate_reporter")
    key_path = os.path.join(os.path.dirname(path), "key")  # noqa: PTH118, PTH120
    if not path or not os.path.exists(key_path):  # noqa: PTH110
        return
    with open(key_path, "rb") as stream:  # noqa: PTH123
        key = stream.read()
    os.unlink(key_path)  # noqa: PTH108
    watched = _take_watched(os.path.dirname(path))  # noqa: PTH120
    plan = _read_scope(scope)
    number = _begin_variant(plan, path, key) if plan["variants"] else None
    limit, state = limit_session(early_config, seconds, stop)
    if number is not None:
        state.chain = read_chain(path)
    reporter = Reporter(path, key, state)
    reporter.last_event = "finish" if number is None else "ended"
    reporter.watch = InternalsWatch(watched)
    reporter.plugins = early_config.pluginmanager
    if limit.hung:
        reporter.resume(limit.hung[-1])
    else:
        reporter.start()
    limit.list_started_tests = reporter.list_started_tests
    limit.enable_workers(__file__)
    early_config.pluginmanager.register(reporter, "curate-report")
    if record:
        recorder = FileRecorder(reporter.write, record == "collect")
        recorder.watch()
        early_config.pluginmanager.register(recorder, "curate-recorder")
    if scope:
        _narrow(early_config.pluginmanager, reporter, plan, number)


def _read_scope(path: str) -> Any:
    """Return what the file *path* says of a part of the tests; "" = there is none."""
    if not path:
        return {"variants": []}
    with open(path, encoding="utf-8") as stream:  # noqa: PTH123
        return json.load(stream)


def _begin_variant(plan: Any, path: str, key: bytes) -> int:
    """Return the number of the variant that this process, a child, is for.

    The parent writes the record `variant` after each child, and ends with the last one.
    """
    reporter = Reporter(path, key, SharedState())

    def end(number: int, status: int) -> None:
        reporter.go_on(read_chain(path))
        reporter.write("variant", number=number, status=status)

    number = fork_variants(plan, end)  # type: Any
    if number is None:
        reporter.write("finish", exit_status=0)
        os._exit(0)
    return int(number)


def _narrow(plugins: Any, reporter: Any, plan: Any, number: Any) -> None:
    """Run the tests, and record the lines, that the *plan* names."""
    tests = plan["tests"] if number is None else plan["variants"][number]["tests"]
    plugins.register(TestChoice(tests, plan["stop"]), "curate-choice")
    if plan["traced"]:
        recorder = LineRecorder(reporter.write, plan["traced"])
        plugins.register(recorder, "curate-lines")
        recorder.start()


def _take_watched(folder: str) -> Any:
    """Return the paths in the file `watched`, from which nothing of pytest may be replaced."""
    path = os.path.join(folder, "watched")  # noqa: PTH118
    if not os.path.exists(path):  # noqa: PTH110
        return []
    with open(path, encoding="ascii") as stream:  # noqa: PTH123
        paths = json.load(stream)
    os.unlink(path)  # noqa: PTH108
    return paths


class Reporter:
    """Appends one signed line per record.

    It keeps references to all functions that it needs, because tests may patch modules.
    """

    def __init__(self, path: str, key: bytes, state: Any) -> None:
        self._path = path
        self._mac = hmac.new(key, digestmod=hashlib.sha256)
        self._state = state
        self._records, self._last = state.chain
        self._exit_status = None  # type: Any
        self.last_event = "finish"
        self._open = io.FileIO
        self._encode = json.JSONEncoder(sort_keys=True).encode
        self._getpid = os.getpid
        self._pid = os.getpid()
        self._skipped = {}  # type: dict[str, int]
        self._tests = 0
        self.watch = None  # type: Any
        self.plugins = None  # type: Any

    def go_on(self, chain: Any) -> None:
        """Go on after what other processes have written."""
        self._records, self._last = chain

    def start(self) -> None:
        """Write the first record."""
        self.write("start", format=REPORT_FORMAT, pytest=pytest.__version__, python=sys.version)

    def resume(self, hung: str) -> None:
        """Record that *hung*, if it is a test and not a file, was killed at its time limit."""
        if hung in self.list_started_tests():
            facts = {"when": "call", "outcome": "failed", "xfail": False, "timed_out": True}
            self.write("phase", id=hung, **facts)

    def list_started_tests(self) -> Any:
        """Return the ids of all tests that have started, in this process or earlier ones."""
        with open(self._path, "rb") as stream:  # noqa: PTH123
            records = [json.loads(line.partition(b" ")[2].decode("ascii")) for line in stream]
        return {record["id"] for record in records if record["event"] == "test"}

    def write(self, event: str, **facts: Any) -> None:
        """Append one signed record."""
        if self._getpid() != self._pid:
            return  # in a process forked by a test
        facts.update(event=event, n=self._records)
        body = self._encode(facts).encode("ascii")
        mac = self._mac.copy()
        mac.update(self._last + body)
        self._last = mac.hexdigest().encode("ascii")
        self._records += 1
        self._state.chain = self._records, self._last
        try:
            with self._open(self._path, "a") as stream:
                stream.write(self._last + b" " + body + b"\n")
        except OSError:
            pass  # verification of the report will notice the missing line

    def pytest_collectreport(self, report: Any) -> None:
        """Record files that cannot be collected, or that skip themselves at module level."""
        if report.outcome != "passed":
            self.write("collect", id=report.nodeid, outcome=report.outcome)
        self._count_skip(report)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Record the start of a test, in case the process dies in it."""
        self.write("test", id=nodeid)
        self._tests += 1
        if self._tests & (self._tests - 1) == 0:  # the first, second, fourth …: it takes a while
            self._report_changes(self.watch.find_changes(self.plugins))

    def _report_changes(self, names: Any) -> None:
        """Record what tested code has replaced."""
        if names:
            self.write("altered", names=names[:20])

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Record a phase of a test; under xdist, only the controller gets these reports."""
        self.write(
            "phase",
            id=report.nodeid,
            when=str(report.when),
            outcome=str(report.outcome),
            xfail=hasattr(report, "wasxfail"),
            timed_out=bool(getattr(report, "curate_timed_out", False)),
            seconds=float(getattr(report, "duration", 0.0)),
        )
        self._count_skip(report)

    def _count_skip(self, report: Any) -> None:
        """Count the reason of a skip: with its place it is (path, line, reason)."""
        told = getattr(report, "longrepr", None)
        if report.outcome == "skipped" and isinstance(told, tuple) and len(told) == 3:
            lines = str(told[2]).replace("Skipped: ", "", 1).splitlines() or [""]
            self._skipped[lines[0]] = self._skipped.get(lines[0], 0) + 1

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print why tests were skipped, the most frequent reasons first."""
        most = sorted(self._skipped.items(), key=lambda it: (-it[1], it[0]))
        for reason, count in most[:MAX_REASONS]:
            terminalreporter.write_line(f"curate: {count} skipped: {reason[:200]}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any) -> None:
        """Keep the exit status for the last record."""
        self._report_changes(self.watch.find_changes(self.plugins))
        self._report_changes(self.watch.find_changed_tests(session))
        self._exit_status = int(session.exitstatus)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Write the last record, unless the session did not start and has no exit status."""
        if self._exit_status is not None:
            self.write(self.last_event, exit_status=self._exit_status)
