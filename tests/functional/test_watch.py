"""Watching the processes of a container whose engine holds no limits."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from curate.builders.sandbox import supervise

HOG = "import time; kept = bytearray(60 << 20); time.sleep(60)"
THREADS = """
import threading, time
for _ in range(30): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
time.sleep(60)
"""
QUICK = "pass"


@pytest.fixture
def init(request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with a child that runs the parameter, and waits for it."""
    script = f'"{sys.executable}" -IS -c "$0" & wait'
    process = subprocess.Popen(["sh", "-c", script, request.param], start_new_session=True)
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize(
    ("init", "memory", "reached"),
    [
        (HOG, 40 << 20, b"out-of-memory"),
        (THREADS, 1 << 30, b"out-of-pids"),
        (QUICK, 1 << 30, b""),
    ],
    indirect=["init"],
)
def test_a_limit_that_is_reached_ends_the_first_process(
    init: "subprocess.Popen[bytes]", memory: int, reached: bytes
) -> None:
    command = [sys.executable, "-IS", supervise.__file__, str(memory), "20", "1"]
    watcher = subprocess.Popen([*command, "--watch", str(init.pid)], stdout=subprocess.PIPE)
    assert init.wait(60) == (-signal.SIGKILL if reached else 0)
    assert watcher.communicate(timeout=60)[0] == reached
