"""Free room on a disk."""

import os
import shutil
from pathlib import Path

from builders.errors import DiskFullError

RESERVED_INODE_FRACTION = 0.02  # part of a disk's inodes that stays free

RUNNING_BUILD_FRACTION = 0.5
"""Part of a reserve that what is under way leaves: between this and the whole nothing is begun."""


def free_inode_fraction(folder: Path) -> float:
    """Which part of the inodes where *folder* is can be had; 1 where none are counted."""
    about = os.statvfs(folder)
    return about.f_favail / about.f_files if about.f_files else 1.0


def free_bytes(folder: Path) -> int:
    """Bytes that can be had where *folder* is (or will be)."""
    return shutil.disk_usage(_nearest_existing(folder)).free


def is_same_filesystem(one: Path, other: Path) -> bool:
    """Whether both are (or will be) on one file system."""
    return _nearest_existing(one).stat().st_dev == _nearest_existing(other).stat().st_dev


def check_free_space(folder: Path, reserve_bytes: int, *, fraction: float = 1.0) -> None:
    """Raise `DiskFullError` when less than *fraction* of the reserve is free where *folder* is or
    will be.

    Or few inodes, without which no file can be made either.
    """
    existing = _nearest_existing(folder)
    if free_inode_fraction(existing) < fraction * RESERVED_INODE_FRACTION:
        hint = "Remove images and build cache (docker system df): they have many small files."
        raise DiskFullError(f"few inodes are left at {existing} (df -i)", hint=hint)
    free = free_bytes(existing)
    if free < fraction * reserve_bytes:
        raise DiskFullError(
            f"{free >> 20} MiB free at {existing}, {reserve_bytes >> 20} MiB are reserved",
            hint="Free disk space (curate images prune), or set image_disk_limit_gib or"
            " min_free_disk_gib.",
            missing_bytes=reserve_bytes - free,
        )


def _nearest_existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())
