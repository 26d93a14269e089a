"""The processes below this one, and the limits of the sandbox that they reach."""

import os
from contextlib import suppress
from typing import Any


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group, if there is one."""
    if group > 1:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def signal_process(pid: int, number: int) -> None:
    """Send a signal to a process, if it is there."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def find_descendants() -> "list[int]":
    """Return the ids of all processes below this one, also of those that have ended."""
    get_children: Any = read_children
    if not os.path.exists("/proc/self/task/%d/children" % os.getpid()):
        get_children = map_children().get  # a kernel that does not list them
    found: list[int] = []
    level = [os.getpid()]
    while level:
        level = [child for pid in level for child in get_children(pid) or ()]
        found += level
    return found


def read_children(pid: int) -> "list[int]":
    """Return the children of a process, which the kernel lists for each of its threads."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir("/proc/%d/task" % pid):
            path = "/proc/%d/task/%s/children" % (pid, thread)
            with suppress(OSError), open(path, "rb") as stream:
                found += map(int, stream.read().split())
    return found


def map_children() -> "dict[int, list[int]]":
    """Return parent -> children of all processes."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open("/proc/%s/stat" % name, "rb") as stream:
                parent = int(stream.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    return children


def find_remains() -> "list[str]":
    """Return what processes can leave behind them outside of files: System V and POSIX objects."""
    found: list[str] = []
    if os.getpid() != 1:
        return found  # they belong to the machine
    for name in ("shm", "sem", "msg"):
        with suppress(OSError), open("/proc/sysvipc/" + name) as stream:
            found += stream.read().splitlines()[1:]
    for folder in ("/dev/shm", "/dev/mqueue"):
        with suppress(OSError):
            found += os.listdir(folder)
    return found


def read_limit_counts() -> "dict[str, int]":
    """Return how often the sandbox has reached its limits, from cgroup v2 or v1."""
    counts = {"out-of-memory": 0, "out-of-pids": 0}
    if os.getpid() != 1:
        return counts
    names = {"pids.events": "out-of-pids", "pids/pids.events": "out-of-pids"}
    names.update({"memory.events": "out-of-memory", "memory/memory.oom_control": "out-of-memory"})
    for name, limit in names.items():
        with suppress(OSError), open("/sys/fs/cgroup/" + name) as stream:
            words = dict(line.split() for line in stream)
            counts[limit] += int(words.get("oom_kill" if "memory" in name else "max", 0))
    return counts


def find_reached(before: "dict[str, int]", after: "dict[str, int]") -> str:
    """Return the limit that was reached meanwhile, or ""."""
    return next((name for name, count in after.items() if count > before[name]), "")


def describe_end(code: "int | None") -> str:
    """Say how the shell ended."""
    if code is not None and code < 0:
        return "the shell was killed by signal %d" % -code
    return "the shell ended with exit code %s" % code
