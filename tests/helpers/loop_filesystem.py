"""A file system of its own, as small as one likes, in a file. Needs root."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MountError(Exception):
    """This user may not mount."""


@contextmanager
def loop_filesystem(folder: Path, mib: int, inodes: int = 0) -> Iterator[Path]:
    """A disk of *mib* MiB, and *inodes* if not as many as usual, mounted in *folder* meanwhile."""
    disk, place = folder / "disk", folder / "place"
    place.mkdir()
    disk.touch()
    os.truncate(disk, mib << 20)
    options = ["-N", str(inodes)] if inodes else []
    subprocess.run(["mkfs.ext4", "-q", "-m0", *options, str(disk)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(disk), str(place)], check=False).returncode:
        raise MountError
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
        disk.unlink()
