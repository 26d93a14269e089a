"""Run a local process with limits and capped output, and kill all its descendants."""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from typing import cast

from curate.builders.errors import SandboxError
from curate.builders.model import ResourceLimits, RunStatus
from curate.builders.process.cleanup import kill_by_env_marker
from curate.builders.sandbox import supervise
from curate.builders.sandbox.result import join_output
from curate.builders.sandbox.run_script import split_output_limit
from curate.builders.sandbox.supervise import KILL_AFTER

GRACE_SECONDS = KILL_AFTER + 3  # after the time limit until the supervisor itself is killed
RUN_VARIABLE = "CURATE_RUN"  # environment variable that marks the processes of a run


@dataclass(frozen=True, kw_only=True)
class ProcessResult:
    """Result of a process; `exit_code` is None if it was stopped at the time limit."""

    exit_code: int | None
    timed_out: bool
    reached_limit: RunStatus | None = None  # of memory or processes
    seconds: float
    cpu_seconds: float  # of the process and the children it waited for
    output: bytes


def run_process(
    command: Sequence[str],
    variables: Mapping[str, str],
    limits: ResourceLimits,
    *,
    owner: str = "nobody",
) -> ProcessResult:
    """Run *command* in a new session with no other environment than *variables*.

    Afterwards, and on an interrupt, all its descendants are killed (`supervise`). If a test has
    killed the process that does this, those that bear the mark of the run are.

    Args:
        command: Program and arguments.
        variables: The environment; a variable that marks the run is added.
        limits: Time until SIGTERM, `KILL_AFTER` before SIGKILL; memory and processes of all
            together, where there is /proc; size of the output that is kept, half of it head and
            half tail. The others are not applied.
        owner: Marks the processes for `kill_by_owner`.

    Raises:
        SandboxError: The process cannot be started.
    """
    marker = f"{_owner_marker(owner)}{secrets.token_hex(8)}"
    environment = dict(variables) | dict([marker.split("=")])
    buffer = HeadTailBuffer(*split_output_limit(limits.output_bytes))
    started = time.monotonic()
    process, report = _start_process(command, environment, limits)
    reader = threading.Thread(
        target=buffer.read_all, args=(cast(BufferedReader, process.stdout),), daemon=True
    )
    reader.start()
    try:
        timed_out, cpu_seconds = _wait_or_kill(process, limits.seconds)
    finally:
        _stop(process)
        kill_by_env_marker(marker)
        reached = os.read(report, 100).decode()
        os.close(report)
    elapsed = time.monotonic() - started
    reader.join(KILL_AFTER)
    code = process.returncode
    return ProcessResult(
        exit_code=None if timed_out else code if code >= 0 else 128 - code,
        timed_out=timed_out,
        reached_limit=RunStatus(reached) if reached else None,
        seconds=elapsed,
        cpu_seconds=cpu_seconds,
        output=buffer.get_output(),
    )


def kill_by_owner(owner: str) -> None:
    """Kill all processes that runs of *owner* have started."""
    kill_by_env_marker(_owner_marker(owner))


class HeadTailBuffer:
    """Keeps the head and the tail of a stream, and discards the rest."""

    def __init__(self, head_limit: int, tail_limit: int) -> None:
        self._head_limit, self._tail_limit = head_limit, tail_limit
        self._head, self._tail = bytearray(), bytearray()

    def read_all(self, stream: BufferedReader) -> None:
        """Read the stream to its end."""
        while chunk := stream.read1(1 << 16):
            remaining = self._head_limit - len(self._head)
            self._head += chunk[:remaining]
            self._tail += chunk[remaining:]
            if len(self._tail) > 2 * self._tail_limit + (1 << 20):
                del self._tail[: -self._tail_limit]

    def get_output(self) -> bytes:
        """Return head and tail, joined by a mark if there is a gap."""
        tail = bytes(self._tail[-self._tail_limit :])
        return join_output(bytes(self._head), tail, self._tail_limit)


def _start_process(
    command: Sequence[str], environment: Mapping[str, str], limits: ResourceLimits
) -> tuple[subprocess.Popen[bytes], int]:
    """Start *command* below its supervisor; return that, and where it reports a reached limit."""
    reading, writing = os.pipe()
    supervisor = [sys.executable, "-IS", supervise.__file__]
    supervisor += map(str, (limits.memory_bytes, limits.pids, writing))
    try:
        process = subprocess.Popen(
            [*supervisor, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[writing],
        )
    except OSError as error:
        os.close(reading)
        raise SandboxError(f"the test process cannot be started: {error}") from error
    finally:
        os.close(writing)
    return process, reading


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let the supervisor, if it is still running, kill all and end."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(KILL_AFTER)
        _signal_process_group(process.pid, signal.SIGKILL)
        process.wait()


def _wait_or_kill(process: subprocess.Popen[bytes], seconds: float) -> tuple[bool, float]:
    """Wait for the process, or stop it after *seconds*; return whether it was, and CPU seconds."""
    stopped = threading.Event()

    def stop(number: signal.Signals) -> None:
        stopped.set()
        _signal_process_group(process.pid, number)

    timers = [
        threading.Timer(seconds, stop, [signal.SIGTERM]),
        threading.Timer(seconds + GRACE_SECONDS, stop, [signal.SIGKILL]),
    ]
    try:
        for timer in timers:
            timer.start()
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        for timer in timers:
            timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return stopped.is_set(), usage.ru_utime + usage.ru_stime


def _owner_marker(owner: str) -> str:
    return f"{RUN_VARIABLE}={owner}."


def _signal_process_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
