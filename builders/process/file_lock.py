"""Locks on files that hold against other threads and processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(folder: Path, key: str) -> Iterator[None]:
    """Hold *key* against other threads and processes that use the same *folder* for locks."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{key}.lock"):
        yield
