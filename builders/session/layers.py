"""Folders of overlays' layers, shared by sessions and removed when none needs them any more."""

import os
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
        command = ["cp", "-a", "--reflink=auto", f"{source}/files/.", f"{layer}/files"]
        result = subprocess.run(command, capture_output=True, check=False)
        if result.returncode:
            problem = result.stderr.decode(errors="replace").strip()
            raise SandboxError(f"a layer of the sandbox cannot be copied: {problem}")
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


def _remove_layers(layers: Iterable[Path]) -> None:
    """Remove folders in another process, so that nothing here waits for the interpreter's lock."""
    command = ["nice", "rm", "-rf", "--", *map(str, layers)]
    subprocess.run(command, capture_output=True, check=False)
