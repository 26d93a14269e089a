"""Files that are written completely or not at all, even if the process is killed."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SUFFIX = ".part"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a new, empty file next to *path*, which replaces *path* if the block succeeds.

    Partial files that killed processes left in the folder are removed.

    Raises:
        OSError: The folder is missing or not writable, or *path* is a device, pipe or folder, which
            must not be replaced.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    with partial_file(path.parent) as partial:
        yield partial
        partial.replace(path)


@contextmanager
def partial_file(folder: Path) -> Iterator[Path]:
    """Yield a new, empty file in *folder*, for the block to move; what is left is removed.

    So are partial files that killed processes left there. Raises OSError.
    """
    _remove_partial_files(folder)
    partial = folder / f".{os.getpid()}.{secrets.token_hex(4)}{_SUFFIX}"
    partial.touch(exist_ok=False)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _remove_partial_files(folder: Path) -> None:
    for partial in folder.glob(f".*{_SUFFIX}"):
        pid = partial.name[1:].partition(".")[0]
        if pid.isdigit() and not _is_running(int(pid)):
            with suppress(OSError):
                partial.unlink()


def _is_running(pid: int) -> bool:
    import psutil  # importing it takes longer than writing a small file

    return bool(psutil.pid_exists(pid))
