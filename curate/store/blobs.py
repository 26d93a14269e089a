"""Patches and logs, kept as zstd files named by the sha256 of their content."""

import hashlib
import os
import tempfile
from pathlib import Path

import zstandard

from curate.errors import StoreError


class Blobs:
    """A content-addressed folder: writing twice is free, a half-written file is never seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Store *content* and return its key, the sha256 in hexadecimal."""
        key = hashlib.sha256(content).hexdigest()
        path = self._path(key)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, zstandard.ZstdCompressor().compress(content))
        return key

    def get(self, key: str) -> bytes:
        """Return what was stored under *key*; StoreError if it is gone or damaged."""
        try:
            content = zstandard.ZstdDecompressor().decompress(self._path(key).read_bytes())
        except (OSError, zstandard.ZstdError) as error:
            raise self._damaged(key) from error
        if hashlib.sha256(content).hexdigest() != key:
            raise self._damaged(key)
        return content

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key[2:]}.zst"

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @staticmethod
    def _damaged(key: str) -> StoreError:
        return StoreError(
            f"The stored content {key[:12]}… is missing or damaged.",
            hint="Restore data/blobs from a copy, or crawl and validate again into a new folder.",
        )
