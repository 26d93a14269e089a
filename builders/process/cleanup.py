"""Ending what this process, or one that was killed, has started."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil


def kill_by_env_marker(marker: str) -> None:
    """Kill every process with a variable that begins with *marker* ("NAME=..."), new forks too."""
    for _ in range(10):
        found = list(_find_by_env_marker(marker.encode()))
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.05)


def terminate_children() -> None:
    """End what this process has started and is waiting for."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.terminate()


def _find_by_env_marker(marker: bytes) -> Iterator[int]:
    """Processes with a variable that begins with *marker* (where there is a /proc)."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = (entry / "environ").read_bytes().split(b"\0")
            if any(variable.startswith(marker) for variable in variables):
                yield int(entry.name)
