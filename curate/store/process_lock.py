"""A lock on a data directory, for work that only one process may do at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.core.errors import StoreError


@contextmanager
def process_lock(folder: Path, purpose: str) -> Iterator[None]:
    """Hold the lock of *folder* for *purpose*; raises StoreError if another process holds it.

    The operating system releases the lock when the process ends, however it ends.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / f"{purpose}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreError(
            f"Another curate process is running {purpose} in {folder}.",
            hint="Wait until it has finished, or choose another directory with --data-dir.",
        ) from error
    try:
        yield
    finally:
        lock.release()
