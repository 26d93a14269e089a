"""Execute a command; kill all its processes when it ends, or when together they exceed a limit.

Run as a script: `python supervise.py MEMORY_BYTES PIDS REPORT COMMAND...`. The descriptor REPORT
gets the limit that was reached, "out-of-memory" or "out-of-pids", if any. SIGTERM is passed on to
the command, and all is killed some seconds later; SIGINT kills all at once.

`python supervise.py MEMORY_BYTES PIDS REPORT --watch PID` does it for what runs below a process
that somebody else has started: the init of a container, with which the kernel ends the rest.

Control groups, which would let the kernel do this, need rights that most users lack. So the
processes are looked at ten times a second or less often, which needs /proc. None escapes by a
session of its own or by losing its parent: orphans become children of this process.

A fork bomb could starve the one who looks. Root's process is therefore scheduled before all others.
For other users the kernel limits processes (RLIMIT_NPROC, which counts all of the user, and for
root none), exactly so in a user namespace (`isolate`).
"""

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
KILL_AFTER = 5.0  # seconds between SIGTERM and SIGKILL
INTERVAL = 0.1  # minimum seconds between two checks
INTERVAL_FACTOR = 20  # the interval is at least this many times the duration of a check
KILL_TIMEOUT = 5.0  # seconds that killed processes may take to end
PAUSE = 0.02  # seconds between two looks for processes that end
GROWTH = 16  # the user may start this many times the limit, as other runs are the user's, too
SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
OUT_OF_MEMORY, OUT_OF_PIDS = "out-of-memory", "out-of-pids"  # values of `RunStatus`


class Supervisor:
    """Starts a command and ends all its processes."""

    def __init__(self, command: Sequence[str], pids: int) -> None:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        with suppress(PermissionError):
            priority = os.sched_param(os.sched_get_priority_min(os.SCHED_RR))
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, priority)
        self.code: int | None = None  # of the command; 128 + number of a signal
        self._parent = os.getppid()
        self._kill_at = float("inf")
        self._child = _start(command, pids, mask)

    def run(self, memory_bytes: int, pids: int) -> str:
        """Wait for the command to end, and return the limit that it reached, or ""."""
        meter = UsageMeter(memory_bytes, pids)
        check_at, reached = 0.0, ""
        while self.code is None:
            self._handle_signal(min(INTERVAL, max(check_at - time.monotonic(), 0)))
            started = time.monotonic()
            if os.getppid() != self._parent or started > self._kill_at:
                self.kill_all()
            elif started >= check_at:
                reached = reached or meter.find_exceeded_limit()
                if reached:
                    self.kill_all()
                ended = time.monotonic()
                check_at = ended + max(INTERVAL, INTERVAL_FACTOR * (ended - started))
            self._reap()
        return reached

    def kill_all(self) -> None:
        """Kill all descendants.

        A group is killed at once, so that none of it can fork in between; what was forked before
        comes with the next round.
        """
        deadline = time.monotonic() + KILL_TIMEOUT
        killed: set[int] = set()
        while (found := find_descendants()) and time.monotonic() < deadline:
            if killed.issuperset(found):
                time.sleep(PAUSE)  # they are ending, for which they need the processor
            for group in set(_find_groups(found)) - {os.getpgrp()}:
                _signal_group(group, signal.SIGKILL)
            for pid in found:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            killed.update(found)
            self._reap()

    def _handle_signal(self, seconds: float) -> None:
        got = signal.sigtimedwait(SIGNALS, seconds)
        if got and got.si_signo == signal.SIGTERM:
            _signal_group(self._child, signal.SIGTERM)
            self._kill_at = time.monotonic() + KILL_AFTER
        elif got and got.si_signo == signal.SIGINT:
            self._kill_at = 0.0

    def _reap(self) -> None:
        """Wait for all processes that have ended, orphans among them."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._child:
                    code = os.waitstatus_to_exitcode(ended[1])
                    self.code = code if code >= 0 else 128 - code


def _start(command: Sequence[str], pids: int, mask: Iterable[int]) -> int:
    """Start *command* in a session of its own; it ends with this process."""
    child = os.fork()
    if child:
        return child
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        limit = _count_threads() + GROWTH * pids
        _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        resource.setrlimit(resource.RLIMIT_NPROC, (limit if hard < 0 else min(limit, hard), hard))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execvp(command[0], list(command))
    except BaseException as error:
        os.write(2, f"{command[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _count_threads() -> int:
    """Return the number of threads of the whole machine."""
    with open("/proc/loadavg", encoding="ascii") as stream:  # noqa: PTH123
        return int(stream.read().split()[3].partition("/")[2])


class UsageMeter:
    """Compares what the descendants of this process, or of *root*, use with the limits.

    The sum of their resident memory counts shared pages more than once. If it is too large, these
    are divided among the processes that share them. That is done in a thread, because the kernel
    lets it wait for processes that are being forked. It takes some time, in which processes end
    and leave their share to others, so only twice in a row counts.
    """

    def __init__(self, memory_bytes: int, pids: int, root: int = 0) -> None:
        self._memory_kib, self._pids = memory_bytes >> 10, pids
        self._root = root or os.getpid()
        self._times_over = 0  # in a row, of what was divided
        self._thread: threading.Thread | None = None

    def find_exceeded_limit(self) -> str:
        """Return the limit that is exceeded now, or ""."""
        found = {pid: _read_values(f"/proc/{pid}/status") for pid in find_descendants(self._root)}
        if sum(values.get("Threads", 0) for values in found.values()) > self._pids:
            return OUT_OF_PIDS
        keys = ("RssAnon", "RssShmem", "VmSwap")
        sizes = {pid: sum(values.get(key, 0) for key in keys) for pid, values in found.items()}
        if sum(sizes.values()) <= self._memory_kib:
            self._times_over = 0
            return ""
        if not self._thread or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._measure, args=(sizes,), daemon=True)
            self._thread.start()
        is_over = self._times_over > 1 or max(sizes.values()) > self._memory_kib
        return OUT_OF_MEMORY if is_over else ""

    def _measure(self, sizes: Mapping[int, int]) -> None:
        used = sum(_read_share(pid, size) for pid, size in sizes.items())
        self._times_over = self._times_over + 1 if used > self._memory_kib else 0


def _read_share(pid: int, size: int) -> int:
    """Return what process *pid* uses, in KiB: *size* if that is secret, 0 if it has ended."""
    try:
        values = _parse_values(f"/proc/{pid}/smaps_rollup")
    except PermissionError:
        return size
    except OSError:
        return 0
    return sum(values.get(key, 0) for key in ("Pss_Anon", "Pss_Shmem", "SwapPss"))


def _read_values(path: str) -> dict[str, int]:
    """Return what `_parse_values` does; none if the file cannot be read."""
    with suppress(OSError):
        return _parse_values(path)
    return {}


def _parse_values(path: str) -> dict[str, int]:
    """Return the numbers of a file of lines as `Name: 12 kB`. Raises OSError."""
    values = {}
    with open(path, "rb") as stream:  # noqa: PTH123
        text = stream.read().decode("ascii", "replace")
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        word = rest.split(maxsplit=1)[:1]
        if word and word[0].isdecimal():
            values[name] = int(word[0])
    return values


def watch_process(root: int, memory_bytes: int, pids: int) -> str:
    """Kill *root* if what is below it exceeds a limit, and return that; "" once it has ended."""
    meter = UsageMeter(memory_bytes, pids, root)
    while os.path.exists(f"/proc/{root}/stat"):  # noqa: PTH110
        started = time.monotonic()
        reached = meter.find_exceeded_limit()
        if reached:
            with suppress(ProcessLookupError):
                os.kill(root, signal.SIGKILL)
            return reached
        time.sleep(max(INTERVAL, INTERVAL_FACTOR * (time.monotonic() - started)))
    return ""


def find_descendants(root: int = 0) -> list[int]:
    """Return the ids of all descendants of this process, or of *root*."""
    root = root or os.getpid()
    get_children: Callable[[int], list[int] | None] = _read_children
    if not os.path.exists(_children_file(os.getpid())):  # noqa: PTH110
        get_children = _map_children().get
    found: list[int] = []
    level = [root]
    while level := list(chain.from_iterable(get_children(pid) or () for pid in level)):
        found += level
    return found


def _children_file(pid: int, thread: str = "") -> str:
    return f"/proc/{pid}/task/{thread or pid}/children"


def _read_children(pid: int) -> list[int]:
    """Return the children of a process, which the kernel lists if it was built to."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with suppress(OSError), open(_children_file(pid, thread), "rb") as stream:  # noqa: PTH123
                found += map(int, stream.read().split())
    return found


def _map_children() -> dict[int, list[int]]:
    """Return parent -> children of all processes of the machine."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdecimal():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as stream:  # noqa: PTH123
                parent = int(stream.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    return children


def _find_groups(pids: Iterable[int]) -> Iterator[int]:
    for pid in pids:
        with suppress(OSError):
            yield os.getpgid(pid)


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def main() -> None:
    """Run the command of the arguments and exit with its code."""
    memory_bytes, pids, report, *command = sys.argv[1:]
    os.set_inheritable(int(report), False)
    if not os.path.exists("/proc/self/stat"):  # noqa: PTH110
        os.execvp(command[0], command)
    if command[0] == "--watch":
        os.write(int(report), watch_process(int(command[1]), int(memory_bytes), int(pids)).encode())
        return
    supervisor = Supervisor(command, int(pids))
    try:
        os.write(int(report), supervisor.run(int(memory_bytes), int(pids)).encode())
    finally:
        supervisor.kill_all()
    sys.exit(supervisor.code)


if __name__ == "__main__":
    main()
