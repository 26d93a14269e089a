"""Sessions of one command, one after another, each with other contents of some files.

Runs in sandboxes as part of the reporter's text, on Python 3.6 and later. What takes long at the
start of a session is importing packages that the variants do not change: they are imported once,
and each session is a process that is forked afterwards.
"""

import contextlib
import importlib
import os
import signal
import sys
import time
import warnings
from typing import Any

from curate.builders.pytest_plugin.checkout_paths import find_checkout

_POLL_SECONDS = 0.02
_FIRST_TIME = 1_000_000_000  # of files: each variant has its own, as bytecode is known by time


class PreloadError(Exception):
    """Imported packages import the project itself, which no variant could change afterwards."""


def fork_variants(scope: Any, end: Any) -> Any:
    """Return its number in a child process for each variant; the parent returns None at last.

    *end* is called with number and wait status of each child that has ended.
    """
    checkout = find_checkout(".")
    _import_packages(scope["preload"], checkout)
    originals = {}  # type: Any
    for number, variant in enumerate(scope["variants"]):
        _write_files(checkout, {**originals, **variant["files"]}, originals, _FIRST_TIME + number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pid = os.fork()
        if pid == 0:
            os.setsid()
            sys.dont_write_bytecode = True
            return number
        end(number, _wait_for(pid, scope["seconds"]))
    return None


def _import_packages(names: Any, checkout: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            try:
                importlib.import_module(name)
            except BaseException:  # whatever a package raises, the session will, too
                continue
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and os.path.realpath(path).startswith(os.path.realpath(checkout)):
            raise PreloadError(name)


def _write_files(checkout: str, files: Any, originals: Any, seconds: int) -> None:
    """Write *files* (path -> text), and keep in *originals* what they were."""
    for name, text in files.items():
        path = os.path.join(checkout, name)  # noqa: PTH118
        if name not in originals:
            with open(path, encoding="utf-8", newline="") as stream:  # noqa: PTH123
                originals[name] = stream.read()
        with open(path, "w", encoding="utf-8", newline="") as stream:  # noqa: PTH123
            stream.write(text)
        os.utime(path, (seconds, seconds))


def _wait_for(pid: int, seconds: float) -> int:
    """Return the wait status of a child, which is killed with its group after *seconds*."""
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            continue
        _kill_group(pid)
        return status if found else os.waitpid(pid, 0)[1]


def _kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def read_chain(path: str) -> Any:
    """Return number and last signature of the records in a report; a line that was cut is removed.

    The process that wrote it was killed meanwhile.
    """
    if not os.path.exists(path):  # noqa: PTH110
        return 0, b""
    with open(path, "r+b") as stream:  # noqa: PTH123
        data = stream.read()
        whole = data.rfind(b"\n") + 1
        stream.truncate(whole)
    lines = data[:whole].splitlines()
    return len(lines), lines[-1].partition(b" ")[0] if lines else b""
