"""Files that the driver puts where all workers can read them, at any address that fsspec knows.

Names hold the hash of what is in them, so a file never changes, and each machine gets it once.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Any

from curate.builders.process.atomic_write import atomic_write
from curate.builders.process.file_lock import file_lock
from curate.core.errors import ConfigurationError, NetworkError


class SharedFiles:
    """Files below *url*: "file:///folder", "s3://bucket/folder", "gs://…" or a plain path."""

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError if a package for that kind of address is missing."""
        import fsspec

        self.url = url.rstrip("/")
        try:
            self._files: Any
            self._files, self._root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            raise ConfigurationError(
                f"shared_files: {error}.", hint="Install the package on this and all workers."
            ) from error
        except ValueError as error:
            raise ConfigurationError(
                f"Invalid value for setting shared_files: {error}.",
                hint="Use an address such as file:///folder or s3://bucket/folder.",
            ) from error

    def has(self, name: str) -> bool:
        """Whether there is a file *name*."""
        try:
            return bool(self._files.exists(self._path(name)))
        except Exception as error:
            raise self._explain(error) from error

    def put(self, name: str, source: Path) -> None:
        """Upload *source* as *name*, completely or not at all."""
        path = self._path(name)
        try:
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            if "file" in self._files.protocol:  # an object store shows no half-written objects
                with atomic_write(Path(path)) as partial:
                    shutil.copyfile(source, partial)
            else:
                self._files.put_file(str(source), path)
        except Exception as error:
            raise self._explain(error) from error

    def get(self, name: str, folder: Path) -> Path:
        """Return the path of *name* in *folder*, where it is downloaded to if it is missing."""
        target = folder / name
        if target.exists():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(folder / "locks", hashlib.sha256(name.encode()).hexdigest()[:16]):
            if not target.exists():
                with atomic_write(target) as partial:
                    self._download(name, partial)
        return target

    def _download(self, name: str, target: Path) -> None:
        try:
            self._files.get_file(self._path(name), str(target))
        except Exception as error:
            raise self._explain(error) from error

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _explain(self, error: Exception) -> Exception:
        """Return the error for people: each file system of fsspec raises others."""
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return NetworkError(
            f"shared_files {self.url} cannot be used ({reason}).",
            hint="Check the address, and its credentials on this machine and all workers.",
        )
