"""Temporary folders that are found again where a killed process left them.

Each is locked by the process that made it, so whoever can take the lock of one may remove it, with
the processes that were begun for it and live on.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from builders.sandbox.process import end_carrying

VARIABLE = "CURATE_SCRATCH"  # of processes that are to end with the folder


@contextmanager
def scratch(parent: Path, purpose: str) -> Iterator[Path]:
    """A new folder in *parent*, which is made if need be; removed at the end."""
    parent.mkdir(parents=True, exist_ok=True)
    folder, lock = _made(parent, purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep_scratch(parent: Path, purpose: str) -> None:
    """Remove the folders of *purpose* in *parent* whose makers are gone, and what works in them."""
    for folder in parent.glob(f"{_prefix(purpose)}*"):
        with suppress(OSError):  # somebody else's, or gone
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                end_carrying(f"{VARIABLE}={folder}")
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _made(parent: Path, purpose: str) -> tuple[Path, int]:
    """A new folder and its open lock; made once more if it is swept before it is locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_prefix(purpose), dir=parent))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _prefix(purpose: str) -> str:
    return f"curate-{purpose}-"
