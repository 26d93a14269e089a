"""Record which lines of given files each test executes.

Runs in sandboxes as part of the reporter's text, on Python 3.6 and later and pytest 3.0 and later.
It needs nothing that is not in the standard library: `sys.monitoring` from Python 3.12 on, which
costs only the given files, trace functions before.
"""

import os
import sys
import threading
from typing import Any

import pytest

from curate.builders.pytest_plugin.checkout_paths import find_checkout
from curate.builders.pytest_plugin.test_choice import stay_in_process


class LineRecorder:
    """Writes the record `executed` of each test: path -> numbers of lines; at last `modules`.

    What runs while modules are imported and collected has the id "". Fixtures belong to the test
    that needed them first. Processes that tests start are not seen. PYTEST_DONT_REWRITE
    """

    def __init__(self, write: Any, paths: Any) -> None:
        self._write = write
        self._known = {}  # type: Any  # file name of code -> path; None = not one of the files
        self._checkout = os.path.realpath(find_checkout("."))
        self._paths = {os.path.join(self._checkout, path): path for path in paths}  # noqa: PTH118
        self._realpath = os.path.realpath
        self._lines = set()  # type: Any
        self._name = ""

    def start(self) -> None:
        """Observe this process from now on, in all threads."""
        if hasattr(sys, "monitoring"):
            self._start_monitoring(sys.monitoring)
        else:
            threading.settrace(self._trace)
            sys.settrace(self._trace)

    def _find(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self._paths.get(self._realpath(name))
        return self._known[name]

    def _start_monitoring(self, monitoring: Any) -> None:
        tool = next(it for it in (4, 3, 5, 0) if monitoring.get_tool(it) is None)
        monitoring.use_tool_id(tool, "curate")
        events = monitoring.events

        def begin(code: Any, offset: int) -> Any:
            if self._find(code.co_filename) is not None:
                monitoring.set_local_events(tool, code, events.LINE)
            return monitoring.DISABLE

        def note(code: Any, line: int) -> None:
            self._lines.add((self._known[code.co_filename], line))

        monitoring.register_callback(tool, events.PY_START, begin)
        monitoring.register_callback(tool, events.LINE, note)
        monitoring.set_events(tool, events.PY_START)

    def _trace(self, frame: Any, event: str, argument: Any) -> Any:
        return self._trace_lines if self._find(frame.f_code.co_filename) is not None else None

    def _trace_lines(self, frame: Any, event: str, argument: Any) -> Any:
        if event == "line":
            self._lines.add((self._known[frame.f_code.co_filename], frame.f_lineno))
        return self._trace_lines

    def pytest_sessionfinish(self) -> None:
        """Record which modules are imported that are not of the project."""
        self._report()
        self._write("modules", names=[name for name, it in _list_imported() if self._is_other(it)])

    def _is_other(self, module: Any) -> bool:
        path = getattr(module, "__file__", None)
        if not isinstance(path, str):
            return False
        return not self._realpath(path).startswith(os.path.join(self._checkout, ""))  # noqa: PTH118

    def pytest_unconfigure(self) -> None:
        """Stop: at the end of the process, modules are gone that a trace function needs."""
        if not hasattr(sys, "monitoring"):
            threading.settrace(None)  # type: ignore[arg-type, unused-ignore]
            sys.settrace(None)

    def _report(self) -> None:
        """Write the lines executed under the current name."""
        found, self._lines = self._lines, set()
        lines = {}  # type: Any
        for path, line in sorted(found):
            lines.setdefault(path, []).append(line)
        if lines:
            self._write("executed", id=self._name, lines=lines)

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        """Run the tests in this process."""
        stay_in_process(config)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """Record what is executed while *item* is set up, run and torn down."""
        self._report()
        self._name = item.nodeid
        if not hasattr(sys, "monitoring"):
            sys.settrace(self._trace)  # the test before may have set its own
        yield
        self._report()
        self._name = ""


def _list_imported() -> Any:
    """Return the names of imported modules that can be imported by them, in order."""
    loaded = [(name, module) for name, module in list(sys.modules.items()) if name != "__main__"]
    return [(name, it) for name, it in loaded if getattr(it, "__name__", "") == name]
