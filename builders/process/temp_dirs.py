"""Temporary folders that can be cleaned up after their process was killed.

Each is locked by the process that created it. A process that gets the lock may remove the folder,
and kill the processes that were started for it and are still running.
"""

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curate.builders.process.cleanup import kill_by_env_marker

TEMP_DIR_VARIABLE = "CURATE_SCRATCH"  # names the folder in processes that must end with it


@contextmanager
def temp_dir(parent: Path, purpose: str, *, reuse_name: bool = False) -> Iterator[Path]:
    """Yield a new folder in *parent* (created if missing), which is removed at the end.

    With *reuse_name*, its name is the first free one of a numbered series: an engine caches the
    build context of each path, and only what changed is sent from the same path.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder, lock = (_take_numbered if reuse_name else _make_unique)(parent, purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_stale_temp_dirs(parent: Path, purpose: str) -> None:
    """Remove folders of *purpose* in *parent* whose process is gone, and kill processes in them."""
    for folder in parent.glob(f"{_folder_prefix(purpose)}*"):
        with suppress(OSError):  # in use by another process, or gone
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                kill_by_env_marker(f"{TEMP_DIR_VARIABLE}={folder}")
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _make_unique(parent: Path, purpose: str) -> tuple[Path, int]:
    """Create a folder and return it with its lock; retry if it is removed before it is locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_folder_prefix(purpose), dir=parent))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _take_numbered(parent: Path, purpose: str) -> tuple[Path, int]:
    """Empty the first numbered folder that is not in use and return it with its lock."""
    for number in itertools.count():
        folder = parent / f"{_folder_prefix(purpose)}{number}"
        with suppress(FileNotFoundError):  # removed before it was locked
            folder.mkdir(exist_ok=True)
            lock = os.open(folder, os.O_RDONLY)
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if folder.exists() and os.path.samestat(os.fstat(lock), folder.stat()):
                    kill_by_env_marker(f"{TEMP_DIR_VARIABLE}={folder}")
                    _empty_folder(folder)
                    return folder, lock
            os.close(lock)
    raise AssertionError("unreachable: itertools.count() does not end")


def _empty_folder(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _folder_prefix(purpose: str) -> str:
    return f"curate-{purpose}-"
