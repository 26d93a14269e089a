"""File locks that exclude other threads and processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(folder: Path, key: str) -> Iterator[None]:
    """Hold the lock *key* in *folder*, excluding other threads and processes."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{key}.lock"):
        yield
