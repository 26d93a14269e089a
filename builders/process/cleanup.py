"""Terminate processes that this process, or a killed one, has started."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil


def kill_by_env_marker(marker: str) -> None:
    """Kill every process with a variable that starts with *marker* ("NAME=...").

    Repeated up to 10 times, for children that are forked meanwhile. Needs /proc.
    """
    for _ in range(10):
        found = list(_find_by_env_marker(marker.encode()))
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.05)


def terminate_children() -> None:
    """Send SIGTERM to all descendants of this process."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.terminate()


def _find_by_env_marker(marker: bytes) -> Iterator[int]:
    """Yield the ids of processes with a variable that starts with *marker*; needs /proc."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = (entry / "environ").read_bytes().split(b"\0")
            if any(variable.startswith(marker) for variable in variables):
                yield int(entry.name)
