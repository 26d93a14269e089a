"""Free room on a disk."""

import os
import shutil
from pathlib import Path

from builders.errors import DiskFull

RESERVE_INODES = 0.02  # part of a disk's inodes that stays free

UNDER_WAY = 0.5
"""Part of a reserve that what is under way leaves: between this and the whole nothing is begun."""


def inodes_left(folder: Path) -> float:
    """Which part of the inodes where *folder* is can be had; 1 where none are counted."""
    about = os.statvfs(folder)
    return about.f_favail / about.f_files if about.f_files else 1.0


def free_bytes(folder: Path) -> int:
    """Bytes that can be had where *folder* is (or will be)."""
    return shutil.disk_usage(_existing(folder)).free


def same_disk(one: Path, other: Path) -> bool:
    """Whether both are (or will be) on one file system."""
    return _existing(one).stat().st_dev == _existing(other).stat().st_dev


def watch_disk(folder: Path, reserve_bytes: int, *, part: float = 1.0) -> None:
    """Raise `DiskFull` when less than *part* of the reserve is free where *folder* is or will be.

    Or few inodes, without which no file can be made either.
    """
    existing = _existing(folder)
    if inodes_left(existing) < part * RESERVE_INODES:
        hint = "Remove images and build cache (docker system df): they have many small files."
        raise DiskFull(f"few inodes are left at {existing} (df -i)", hint=hint)
    free = free_bytes(existing)
    if free < part * reserve_bytes:
        raise DiskFull(
            f"{free >> 20} MiB free at {existing}, {reserve_bytes >> 20} MiB are reserved",
            hint="Make room (curate images prune), set disk_gib, or lower reserve_gib.",
            missing=reserve_bytes - free,
        )


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())
