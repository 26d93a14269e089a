"""Limits of memory and processes in rootless Podman, where no cgroup holds them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from curate.builders.engine.podman import find_podman
from curate.builders.model import ResourceLimits, RunStatus
from curate.builders.sandbox import supervise

_WATCH_SECONDS = 5.0  # that a watcher may take to end after its container


@contextmanager
def watch_limits(root: int, limits: ResourceLimits) -> Iterator[Callable[[], RunStatus | None]]:
    """Watch a container's processes, by its init *root*, from inside Podman's user namespace.

    There, their memory can be read and they can be killed, although other users own them. The
    result waits for the watcher, and returns the limit that was reached.
    """
    if not root:  # it has ended already
        yield lambda: None
        return
    reading, writing = os.pipe()
    watcher = [sys.executable, "-IS", supervise.__file__]
    watcher += map(str, (limits.memory_bytes, limits.pids, 1, "--watch", root))
    process = subprocess.Popen(
        [find_podman(), "unshare", *watcher],
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(writing)

    def get_reached() -> RunStatus | None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_WATCH_SECONDS)
        _end(process)
        reached = os.read(reading, 100).decode()
        return RunStatus(reached) if reached else None

    try:
        yield get_reached
    finally:
        _end(process)
        os.close(reading)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
