"""Checks of free disk space and inodes."""

import os
import shutil
from pathlib import Path

from curate.builders.errors import DiskFullError

RESERVED_INODE_FRACTION = 0.02  # fraction of a disk's inodes that must stay free

FREE_SPACE_HINT = "Free disk space, for example: curate images prune --keep 20"
"""It names a size because without one the command does nothing, and it touches only what is ours.
"""

RUNNING_BUILD_FRACTION = 0.5
"""Fraction of the reserve that must stay free while a build or a run is in progress.

To start a new one, the whole reserve must be free.
"""


def free_inode_fraction(folder: Path) -> float:
    """Return the available fraction of inodes of *folder*'s disk; 1 if it has no inode limit."""
    stat = os.statvfs(folder)
    return stat.f_favail / stat.f_files if stat.f_files else 1.0


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk where *folder* is or will be."""
    return shutil.disk_usage(_nearest_existing(folder)).free


def is_same_filesystem(one: Path, other: Path) -> bool:
    """Whether both paths are or will be on the same file system."""
    return _nearest_existing(one).stat().st_dev == _nearest_existing(other).stat().st_dev


def check_free_space(folder: Path, reserve_bytes: int, *, fraction: float = 1.0) -> None:
    """Check the disk where *folder* is or will be.

    Raises:
        DiskFullError: Less than *fraction* of *reserve_bytes* is free, or less than *fraction* of
            the reserved inodes, without which no file can be created either.
    """
    existing = _nearest_existing(folder)
    if free_inode_fraction(existing) < fraction * RESERVED_INODE_FRACTION:
        hint = "Remove images and build cache, which have many small files (docker system df)."
        raise DiskFullError(f"{existing} is running out of inodes (see df -i)", hint=hint)
    free = free_bytes(existing)
    if free < fraction * reserve_bytes:
        raise DiskFullError(
            f"only {free >> 20} MiB free at {existing}, {reserve_bytes >> 20} MiB are reserved",
            hint=f"Set image_disk_limit_gib or min_free_disk_gib. {FREE_SPACE_HINT}",
            missing_bytes=reserve_bytes - free,
        )


def _nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def measure_folder(folder: Path) -> int:
    """Return the total size of the files in *folder* in bytes, without following links."""
    paths = (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
    return sum(path.lstat().st_size for path in paths)
