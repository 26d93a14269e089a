"""Temporary folders that are found again where a killed process left them.

Each is locked by the process that made it, so whoever can take the lock of one may remove it, with
the processes that were begun for it and live on.
"""

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from builders.process.cleanup import kill_by_env_marker

TEMP_DIR_VARIABLE = "CURATE_SCRATCH"  # of processes that are to end with the folder


@contextmanager
def temp_dir(parent: Path, purpose: str, *, reuse_name: bool = False) -> Iterator[Path]:
    """A new folder in *parent*, which is made if need be; removed at the end.

    A *reuse_name* one has one of as few names as will do: an engine keeps what it was sent from a
    place, and takes from the same place only what changed.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder, lock = (_take_numbered if reuse_name else _make_unique)(parent, purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_stale_temp_dirs(parent: Path, purpose: str) -> None:
    """Remove the folders of *purpose* in *parent* whose makers are gone, and what works in them."""
    for folder in parent.glob(f"{_folder_prefix(purpose)}*"):
        with suppress(OSError):  # somebody else's, or gone
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                kill_by_env_marker(f"{TEMP_DIR_VARIABLE}={folder}")
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _make_unique(parent: Path, purpose: str) -> tuple[Path, int]:
    """A new folder and its open lock; made once more if it is swept before it is locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_folder_prefix(purpose), dir=parent))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _take_numbered(parent: Path, purpose: str) -> tuple[Path, int]:
    """The first folder, counted from 0, that nobody uses, emptied; and its open lock."""
    for number in itertools.count():
        folder = parent / f"{_folder_prefix(purpose)}{number}"
        with suppress(FileNotFoundError):  # swept before it was locked
            folder.mkdir(exist_ok=True)
            lock = os.open(folder, os.O_RDONLY)
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if folder.exists() and os.path.samestat(os.fstat(lock), folder.stat()):
                    kill_by_env_marker(f"{TEMP_DIR_VARIABLE}={folder}")
                    _empty_folder(folder)
                    return folder, lock
            os.close(lock)
    raise AssertionError("numbers do not end")


def _empty_folder(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _folder_prefix(purpose: str) -> str:
    return f"curate-{purpose}-"
