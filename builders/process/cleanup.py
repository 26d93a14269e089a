"""Ending what this process, or one that was killed, has started."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil


def end_carrying(mark: str) -> None:
    """End whatever carries a variable that begins with *mark* ("NAME=..."), new forks included."""
    for _ in range(10):
        found = list(_carrying(mark.encode()))
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.05)


def end_children() -> None:
    """End what this process has started and is waiting for."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.terminate()


def _carrying(mark: bytes) -> Iterator[int]:
    """Processes with a variable that begins with *mark* (where there is a /proc)."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = (entry / "environ").read_bytes().split(b"\0")
            if any(variable.startswith(mark) for variable in variables):
                yield int(entry.name)
