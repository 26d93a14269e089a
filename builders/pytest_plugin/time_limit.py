"""Limit the time of each test, and go on with the others (PYTEST_DONT_REWRITE).

Runs in sandboxes and evaluation images as part of a plugin's text, on Python 3.6 and later and
pytest 2.8 and later.

The session runs in a child process. What it is doing, and until when, is in memory that it shares
with its parent. At the deadline the parent sends a signal whose handler raises an exception in the
test; SIGALRM is left to tests. A test that catches the exception, or that cannot be interrupted, is
killed with its process, and the parent forks another one for the remaining tests. Workers of xdist
watch themselves in a thread, as xdist replaces workers that die.
"""

import faulthandler
import os
import signal
import sys
import threading
import time
from typing import Any

import pytest

from curate.builders.pytest_plugin.environment import restore_environment
from curate.builders.pytest_plugin.run_status import EXIT_TIMEOUT
from curate.builders.pytest_plugin.supervisor import (
    REPEAT,
    SIGNAL,
    TRIES,
    DeadlineWatch,
    SharedState,
    has_hung_at_start,
    overdue_seconds,
    read_clock,
    supervise_session,
)

START_SECONDS = 10.0  # minimum for the start of a session
END_SECONDS = 30.0  # minimum for its end: xdist waits for its workers
EXIT_SECONDS = 5.0  # for threads and exit handlers after the session
WORKER_PLUGIN = "curate_time_limit"

_WORKER_CODE = """\
import types
source = types.ModuleType("curate_worker")
source.__file__ = {path!r}
exec(compile({text!r}, "curate_worker", "exec"), source.__dict__)
source.limit_worker({seconds!r}, {stop!r})
"""


class TimeLimit:
    """Tells the parent process what runs and until when, and fails what exceeds its time.

    PYTEST_DONT_REWRITE
    """

    def __init__(self, state: SharedState, seconds: float, stop: bool) -> None:  # noqa: FBT001
        self._state = state
        self._seconds = seconds
        self._stop = stop  # whether the first timeout ends the session
        self._pid = os.getpid()
        self._names = []  # type: Any
        self._timed_out = False
        self._watches_itself = False
        self._message = "stopped at the time limit of {:g} s for a test".format(seconds)  # noqa: UP032
        self._path = self._source = ""
        self.hung = []  # type: Any  # tests and files that were killed in earlier processes
        self.list_started_tests = list  # type: Any
        self._session_thread = 0
        if threading.current_thread() is threading.main_thread():
            signal.signal(SIGNAL, self._interrupt)
        self._begin("", START_SECONDS)

    def enable_workers(self, path: str) -> None:
        """Let workers of xdist execute the plugin's file at *path*."""
        self._path = path
        with open(path, encoding="utf-8") as stream:  # noqa: PTH123
            self._source = stream.read()

    def watch_itself(self) -> None:
        """Watch the deadline in this process; a process that holds the GIL ends itself."""
        self._watches_itself = True
        self._arm_faulthandler()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        watch = DeadlineWatch(self._state, self._seconds)
        while not watch.signal_if_overdue(self._pid):
            time.sleep(watch.pause)
        os._exit(EXIT_TIMEOUT if has_hung_at_start(self._state) else 1)

    def _begin(self, name: str, minimum: float = 0.0) -> None:
        if os.getpid() == self._pid:  # not in a process forked by a test
            self._names.append((name, max(self._seconds, minimum)))
            self._set_deadline()

    def _end(self) -> None:
        if os.getpid() == self._pid and self._names:
            self._names.pop()
            self._set_deadline()

    def _set_deadline(self) -> None:
        self._state.deadline = 0.0
        if self._names:
            self._state.name, seconds = self._names[-1]
            self._state.deadline = read_clock() + seconds
        self._arm_faulthandler()

    def _arm_faulthandler(self) -> None:
        if not self._watches_itself:
            return
        faulthandler.cancel_dump_traceback_later()
        if self._names:
            seconds = self._names[-1][1] + TRIES * REPEAT + 1
            faulthandler.dump_traceback_later(seconds, exit=True, file=_open_devnull())

    def _interrupt(self, *_: Any) -> None:
        is_session = self._session_thread in (0, threading.get_ident())
        if is_session and os.getpid() == self._pid and overdue_seconds(self._state) > 0:
            self._timed_out = True
            raise pytest.fail.Exception(self._message)

    def _take_timeout(self) -> bool:
        timed_out, self._timed_out = self._timed_out, False
        return timed_out

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        """Remove the trace of the plugin in a worker of xdist."""
        restore_environment(os.devnull, WORKER_PLUGIN)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """End the time of the start."""
        self._session_thread = threading.get_ident()
        self._end()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector: Any) -> Any:
        """Limit the time to import a file; one that was killed is not imported again."""
        if collector.nodeid in self.hung:
            collector.collect = self._refuse
        self._begin(collector.nodeid)
        outcome = yield
        self._end()
        if self._take_timeout():
            report = outcome.get_result()
            if report.outcome != "failed":
                report.outcome, report.longrepr, report.result = "failed", self._message, []

    def _refuse(self) -> Any:
        raise pytest.fail.Exception(self._message)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: Any) -> Any:
        """Leave out what earlier processes have run."""
        yield
        if self.hung:
            started = self.list_started_tests()
            items[:] = [item for item in items if item.nodeid not in started]

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: Any) -> Any:
        """Limit the time of the setup."""
        self._begin(item.nodeid)
        yield
        self._end()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: Any) -> Any:
        """Limit the time of the test itself."""
        self._begin(item.nodeid)
        yield
        self._end()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: Any) -> Any:
        """Limit the time of the teardown."""
        self._begin(item.nodeid)
        yield
        self._end()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: Any) -> Any:
        """Fail a test that exceeded its time, whatever it made of the exception."""
        outcome = yield
        if self._take_timeout():
            report = outcome.get_result()
            report.curate_timed_out = True
            if report.outcome != "failed":
                report.outcome, report.longrepr = "failed", self._message
            if self._stop:
                item.session.shouldstop = self._message

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Start the time limit in a worker of xdist before its session."""
        code = _WORKER_CODE.format(
            path=self._path, text=self._source, seconds=self._seconds, stop=self._stop
        )
        node.gateway.remote_exec(code).waitclose(30)
        time.sleep(0.1)  # else older versions of execnet start the session in another thread

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: Any) -> None:
        """Count killed tests in the exit status, and limit the time of the end."""
        if self.hung and int(session.exitstatus) in (0, 5):  # passed, or no tests left
            session.exitstatus = 1
        self._names.clear()
        self._begin("", END_SECONDS)
        self._exit_status = int(session.exitstatus)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Limit the time until the process ends: threads may keep it from that."""
        self._names.clear()
        if os.getpid() == self._pid and hasattr(self, "_exit_status"):
            self._state.exit_status = self._exit_status
            self._state.deadline = read_clock() + EXIT_SECONDS


def limit_session(config: Any, seconds: float, stop: bool) -> Any:  # noqa: FBT001
    """Return the time limit of the session that starts in this process, or in a child of it.

    In the parent, this does not return: it ends as the session has ended.
    """
    state = SharedState()
    can_fork = threading.active_count() == 1
    hung = supervise_session(state, seconds, stop) if can_fork and seconds else []
    limit = TimeLimit(state, seconds or 1e9, stop)
    limit.hung = hung
    if not can_fork and seconds:
        limit.watch_itself()
    if seconds:
        config.pluginmanager.register(limit, "curate-time-limit")
    return limit, state


def limit_worker(seconds: float, stop: bool) -> None:  # noqa: FBT001
    """Let pytest load a time limit in this process, a worker of xdist."""
    limit = TimeLimit(SharedState(), seconds, stop)
    limit.watch_itself()
    sys.modules[WORKER_PLUGIN] = limit  # type: ignore[assignment]
    plugins = os.environ.get("PYTEST_PLUGINS", "")
    os.environ["PYTEST_PLUGINS"] = WORKER_PLUGIN + ("," + plugins if plugins else "")


_devnull = []  # type: Any


def _open_devnull() -> Any:
    if not _devnull:
        _devnull.append(open(os.devnull, "w"))  # noqa: PTH123, SIM115
    return _devnull[0]
