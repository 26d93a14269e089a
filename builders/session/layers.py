"""Folders of overlays' layers, shared by sessions and removed when none needs them any more."""

import os
import shutil
import stat
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path

from curate.builders.errors import SandboxError


class LayerStore:
    """Makes layers below *folder* and counts who uses them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count()
        self._users: Counter[Path] = Counter()
        self._lock = threading.Lock()

    def make_base(
        self, name: str, *, files: Iterable[str] = (), folders: Iterable[str] = ()
    ) -> Path:
        """Return a layer that stays, with empty *files* and *folders*."""
        layer = self.folder / f"base-{name}"
        for path in (*folders, *(str(Path(file).parent) for file in files)):
            (layer / "files" / path).mkdir(parents=True, exist_ok=True)
        for file in files:
            (layer / "files" / file).touch()
        return layer

    def make_layer(self) -> Path:
        """Return a new empty layer with one user; its files are in `files`."""
        layer = self.folder / str(next(self._numbers))
        try:
            for name in ("files", "work"):
                (layer / name).mkdir(parents=True)
        except OSError as error:
            raise SandboxError(f"a layer of the sandbox cannot be made: {error}") from error
        self.acquire([layer])
        return layer

    def copy_layer(self, source: Path) -> Path:
        """Return a copy of a layer, with what marks files as deleted; it has one user."""
        layer = self.make_layer()
        try:
            copy_tree(source / "files", layer / "files")
        except OSError as error:
            raise SandboxError(f"a layer of the sandbox cannot be copied: {error}") from error
        return layer

    def acquire(self, layers: Iterable[Path]) -> None:
        """Count another user of each of *layers*."""
        with self._lock:
            self._users.update(layers)

    def release(self, layers: Iterable[Path]) -> None:
        """Count one user less, and remove layers that have none."""
        with self._lock:
            layers = list(layers)
            self._users.subtract(layers)
            unused = [layer for layer in set(layers) if self._users[layer] <= 0]
            for layer in unused:
                del self._users[layer]
        if unused:
            threading.Thread(target=_remove_layers, args=(unused,), daemon=True).start()


def is_empty(layer: Path) -> bool:
    """Whether nothing was changed in *layer*."""
    with os.scandir(layer / "files") as entries:
        return next(entries, None) is None


def measure(layer: Path) -> tuple[int, int]:
    """Return number of the files and folders of *layer*, and bytes that they take on the disk."""
    count = total = 0
    for folder, folders, names in os.walk(layer / "files"):
        count += len(folders) + len(names)
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118
    return count, total


def copy_tree(source: Path, target: Path) -> None:
    """Copy the content of a folder with owners, times, and what marks files as deleted."""
    with os.scandir(source) as entries:
        for entry in entries:
            place, status = target / entry.name, entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                place.mkdir()
                copy_tree(Path(entry.path), place)
            elif stat.S_ISREG(status.st_mode):
                shutil.copyfile(entry.path, place)
            elif stat.S_ISLNK(status.st_mode):
                place.symlink_to(os.readlink(entry.path))  # noqa: PTH115
            elif not stat.S_ISSOCK(status.st_mode):
                os.mknod(place, status.st_mode, status.st_rdev)
            else:
                continue
            _copy_status(entry.path, place, status)


def _copy_status(source: str, target: Path, status: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.lchown(target, status.st_uid, status.st_gid)
    for name in os.listxattr(source, follow_symlinks=False):
        value = os.getxattr(source, name, follow_symlinks=False)
        os.setxattr(target, name, value, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        target.chmod(stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def _remove_layers(layers: Iterable[Path]) -> None:
    """Remove folders in another process, so that nothing here waits for the interpreter's lock."""
    command = ["nice", "rm", "-rf", "--", *map(str, layers)]
    subprocess.run(command, capture_output=True, check=False)
