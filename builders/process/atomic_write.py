"""Files that appear whole or not at all, whenever the process is killed."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SUFFIX = ".part"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a new, empty file beside *path*; it takes that name when the block ends well.

    Partial files that killed processes left in the folder are removed. Raises OSError where the
    folder is missing or not writable.
    """
    _remove_partial_files(path.parent)
    partial = path.with_name(f".{os.getpid()}.{secrets.token_hex(4)}{_SUFFIX}")
    partial.touch(exist_ok=False)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _remove_partial_files(folder: Path) -> None:
    for left in folder.glob(f".*{_SUFFIX}"):
        process = left.name[1:].partition(".")[0]
        if process.isdigit() and not _is_running(int(process)):
            with suppress(OSError):
                left.unlink()


def _is_running(process: int) -> bool:
    import psutil  # takes longer to import than a small file to write

    return bool(psutil.pid_exists(process))
