"""A lock on a data directory, for work that only one process may do at a time."""

import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.builders.process.atomic_write import atomic_write
from curate.core.errors import StoreError

CRAWL = "crawl"
VALIDATION = "validation"
PUBLICATION = "publication"
EVALUATION = "evaluation"
PURPOSES = (CRAWL, VALIDATION, PUBLICATION, EVALUATION)


class LockedError(StoreError):
    """Another process does the same work in the same data directory."""


@contextmanager
def process_lock(folder: Path, purpose: str) -> Iterator[None]:
    """Hold the lock of *folder* for *purpose*; raises LockedError if another process holds it.

    The operating system releases the lock when the process ends, however it ends. Locks for
    different purposes do not exclude each other.
    """
    from filelock import FileLock, Timeout

    holder = folder / f"{purpose}.holder"  # beside the lock: opening that one empties it
    lock = FileLock(folder / f"{purpose}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise LockedError(
            f"Another process of curate is running {purpose} in {folder}{_read_holder(holder)}.",
            hint="Wait until it has finished, or choose another directory with --data-dir.",
        ) from error
    try:
        with atomic_write(holder) as file:
            file.write_text(_describe_process(), encoding="utf-8", errors="replace")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _describe_process() -> str:
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    command = " ".join(["curate", *sys.argv[1:]])
    return f"process {os.getpid()} on {platform.node()} since {started}: {command}"


def _read_holder(file: Path) -> str:
    """Return ` (description)` of the holder; empty if it has not written one yet."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return f" ({text.splitlines()[0]})" if text else ""
