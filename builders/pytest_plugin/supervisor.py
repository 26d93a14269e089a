"""Run a session in a child process, and go on in another where a test cannot be interrupted.

Runs in sandboxes and evaluation images as part of a plugin's text (PYTEST_DONT_REWRITE), on Python
3.6 and later.
"""

import mmap
import os
import signal
import struct
import time
import warnings
from typing import Any

from curate.builders.pytest_plugin.run_status import EXIT_TIMEOUT

SIGNAL = signal.SIGRTMIN + 9 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR2
REPEAT = 2.0  # maximum seconds until a test that caught the exception gets another
TRIES = 3  # exceptions before the process is killed

RUNNING = -1  # exit status of a session that has not ended


class SharedState:
    """What a session tells its parent process: deadline, name of what runs, exit status.

    *chain* is what a report needs to be continued: number of records, and the last signature.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1 << 20)
        self.exit_status = RUNNING

    def _get(self, form: str, offset: int) -> Any:
        return struct.unpack_from(form, self._memory, offset)[0]

    @property
    def deadline(self) -> float:
        """In the time of `read_clock`; 0 = none."""
        return float(self._get("d", 0))

    @deadline.setter
    def deadline(self, value: float) -> None:
        struct.pack_into("d", self._memory, 0, value)

    @property
    def exit_status(self) -> int:
        """Exit status of the session that has ended, or RUNNING."""
        return int(self._get("i", 8))

    @exit_status.setter
    def exit_status(self, value: int) -> None:
        struct.pack_into("i", self._memory, 8, value)

    @property
    def chain(self) -> Any:
        """Number of records, and the last signature."""
        return self._get("Q", 16), self._get("64s", 24).rstrip(b"\0")

    @chain.setter
    def chain(self, value: Any) -> None:
        struct.pack_into("Q64s", self._memory, 16, *value)

    @property
    def name(self) -> str:
        """Node id of the test or file that runs; empty at the start and the end of the session."""
        length = self._get("I", 96)
        return bytes(self._memory[100 : 100 + length]).decode("utf-8", "surrogatepass")

    @name.setter
    def name(self, value: str) -> None:
        text = value.encode("utf-8", "surrogatepass")
        if len(text) > len(self._memory) - 100:
            text = b""  # too long to be skipped by name
        self._memory[100 : 100 + len(text)] = text
        struct.pack_into("I", self._memory, 96, len(text))


class DeadlineWatch:
    """Interrupts the process that exceeds its deadline, a few times."""

    def __init__(self, state: SharedState, seconds: float) -> None:
        self._state = state
        self._repeat = min(REPEAT, seconds)
        self._last = 0.0
        self.pause = min(0.5, seconds / 4)  # seconds between two looks

    def signal_if_overdue(self, pid: int) -> bool:
        """Send the signal if it is time; return True if that has not helped, again and again."""
        overdue = overdue_seconds(self._state)
        has_ended = self._state.exit_status != RUNNING  # the handler may be gone
        if overdue > (0 if has_ended else TRIES * self._repeat):
            return True
        if overdue > 0 and read_clock() - self._last > self._repeat:
            self._last = read_clock()
            os.kill(pid, SIGNAL)
        return False


def supervise_session(state: SharedState, seconds: float, stop: bool) -> Any:  # noqa: FBT001
    """Fork; return in the child with the names that were killed in earlier children."""
    hung = []  # type: Any
    while True:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pid = os.fork()
        if pid == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return hung
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the session, not for this
        status, was_killed = _wait_for_child(pid, state, seconds)
        if has_hung_at_start(state):
            os._exit(EXIT_TIMEOUT)
        if not was_killed:
            _end_like(status)
        if state.exit_status != RUNNING:
            os._exit(state.exit_status)
        if not state.name or stop or state.name in hung:
            os._exit(1)
        hung.append(state.name)
        state.deadline = 0.0
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _wait_for_child(pid: int, state: SharedState, seconds: float) -> Any:
    """Return the wait status of the child, and whether it was killed at the deadline."""
    watch = DeadlineWatch(state, seconds)
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status, False
        if watch.signal_if_overdue(pid):
            os.kill(pid, signal.SIGKILL)
            return os.waitpid(pid, 0)[1], True
        _wait_for_signal(watch.pause)


def _wait_for_signal(seconds: float) -> None:
    """Wait for a child to end, at most *seconds*."""
    wait = getattr(signal, "sigtimedwait", None)  # macOS has none
    if wait:
        wait({signal.SIGCHLD}, seconds)
    else:
        time.sleep(min(seconds, 0.05))


def read_clock() -> float:
    """Return seconds since some point of time, by a clock that no library lets tests replace."""
    return os.times()[4]


def overdue_seconds(state: SharedState) -> float:
    """Return how long ago the deadline was; 0 or less if it is yet to come."""
    deadline = state.deadline
    return read_clock() - deadline if deadline else 0.0


def has_hung_at_start(state: SharedState) -> bool:
    """Whether a session that is at its end has exceeded the time before its collection."""
    return not state.name and state.exit_status == RUNNING and overdue_seconds(state) > 0


def _end_like(status: int) -> None:
    """End this process as the child with this wait status has ended."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))
