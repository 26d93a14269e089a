"""Folders that are written completely or not at all, even if the process is killed."""

import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_LEFTOVER = re.compile(r"\.(\d+)\.(old|part)")


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield where to make the new *folder*, beside it; it replaces *folder* if the block succeeds.

    What killed processes left is removed, and a folder that one of them had moved aside restored.
    Raises OSError.
    """
    folder = folder.absolute()
    work = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _recover_leftovers(folder)
    shutil.rmtree(work, ignore_errors=True)
    try:
        yield work
        _replace_folder(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _recover_leftovers(folder: Path) -> None:
    for path in folder.parent.glob(f".{glob.escape(folder.name)}.*"):
        match = _LEFTOVER.fullmatch(path.name.removeprefix(f".{folder.name}"))
        if match is None or psutil.pid_exists(int(match[1])):
            continue
        if match[2] == "old" and not folder.exists():
            path.rename(folder)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _replace_folder(work: Path, folder: Path) -> None:
    """Rename *work* to *folder*; the earlier one is moved aside first and deleted last."""
    old_folder = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old_folder)
    work.rename(folder)
    shutil.rmtree(old_folder, ignore_errors=True)
