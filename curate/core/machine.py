"""What this machine bears: cores and memory, also within the limits of a control group."""

import os
from contextlib import suppress
from pathlib import Path

import psutil

_CONTROL_GROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return the number of cores that this process may use, at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota, _, period = _read_limit("cpu.max").partition(" ")
    with suppress(ValueError, ZeroDivisionError):
        return max(min(cores or 1, int(quota) // int(period)), 1)
    return max(cores or 1, 1)


def usable_memory() -> int:
    """Return the bytes of memory that this process and its children may use."""
    total: int = psutil.virtual_memory().total
    with suppress(ValueError):
        return min(total, int(_read_limit("memory.max")))
    return total


def parallel_runs(memory_bytes: int) -> int:
    """Return how many runs fit that keep one core busy and take *memory_bytes*, at least 1."""
    return max(min(usable_cores(), usable_memory() // max(memory_bytes, 1)), 1)


def _read_limit(name: str) -> str:
    """Return a limit of the control group; "" where there is none."""
    try:
        return (_CONTROL_GROUP / name).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
