"""Record what each test did, from inside the pytest session (PYTEST_DONT_REWRITE).

This file is copied into sandboxes as text and must run alone on Python 3.6 and pytest 4.6 up to
the newest. It is loaded through PYTEST_PLUGINS, which no project's `addopts` can undo, and does
nothing but listen: without CURATE_REPORT in the environment, or without the key file, it is inert.

CURATE_REPORT names the report; the key lies beside it in `key` and is read once and removed, and
the variables are restored to what the project would have seen, so that neither tests nor child
processes (xdist's workers, tests that start pytest) meet a trace of it.

A line of the report is `<hex mac> <json>`, where the mac is HMAC-SHA256 over the mac of the line
before and the json: nothing can be added, changed, reordered or cut out without the key. The last
record is `finish`; a report that lacks it belongs to a session that did not end by itself.
"""

import hashlib
import hmac
import io
import json
import os
import sys
from typing import Any

import pytest

from builders.pytest_plugin.environment import restore_environment

REPORT_FORMAT = 1


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any) -> None:
    """Start the reporter before any file of the project is imported."""
    path = os.environ.pop("CURATE_REPORT", "")
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    restore_environment(folder, "curate_reporter")
    key_path = os.path.join(os.path.dirname(path), "key")  # noqa: PTH118, PTH120
    if not path or not os.path.exists(key_path):  # noqa: PTH110
        return
    with open(key_path, "rb") as stream:  # noqa: PTH123
        key = stream.read()
    os.unlink(key_path)  # noqa: PTH108
    early_config.pluginmanager.register(Reporter(path, key), "curate-report")


class Reporter:
    """Appends one signed line a record; holds every function it needs, for tests patch modules."""

    def __init__(self, path: str, key: bytes) -> None:
        self._path = path
        self._mac = hmac.new(key, digestmod=hashlib.sha256)
        self._last = b""
        self._records = 0
        self._exit_status = None  # type: Any
        self._open = io.FileIO
        self._encode = json.JSONEncoder(sort_keys=True).encode
        self._getpid = os.getpid
        self._pid = os.getpid()
        self._write("start", format=REPORT_FORMAT, pytest=pytest.__version__, python=sys.version)

    def _write(self, event: str, **facts: Any) -> None:
        if self._getpid() != self._pid:
            return  # a forked child of a test
        facts.update(event=event, n=self._records)
        body = self._encode(facts).encode("ascii")
        mac = self._mac.copy()
        mac.update(self._last + body)
        self._last = mac.hexdigest().encode("ascii")
        self._records += 1
        try:
            with self._open(self._path, "a") as stream:
                stream.write(self._last + b" " + body + b"\n")
        except OSError:
            pass  # the gap shows when the report is verified

    def pytest_collectreport(self, report: Any) -> None:
        """Record files that could not be collected, or that skip themselves as a whole."""
        if report.outcome != "passed":
            self._write("collect", id=report.nodeid, outcome=report.outcome)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Record which test is in flight, should the process die in it."""
        self._write("test", id=nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Record a phase of a test; under xdist only the controller hears of these."""
        self._write(
            "phase",
            id=report.nodeid,
            when=str(report.when),
            outcome=str(report.outcome),
            xfail=hasattr(report, "wasxfail"),
        )

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: Any) -> None:
        """Remember the exit status for the last record."""
        self._exit_status = int(exitstatus)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """End the report; a session that never began has no exit status and no end."""
        if self._exit_status is not None:
            self._write("finish", exit_status=self._exit_status)
