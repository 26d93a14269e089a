"""A claim on a data folder: some work is for one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.core.errors import StoreError


@contextmanager
def process_lock(folder: Path, purpose: str) -> Iterator[None]:
    """Be the only process that does *purpose* in *folder*; StoreError if another does.

    The claim ends with the process, however that ends.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / f"{purpose}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreError(
            f"Another curate does {purpose} in {folder}.",
            hint="Wait for it to end, or choose another --data-dir folder.",
        ) from error
    try:
        yield
    finally:
        lock.release()
