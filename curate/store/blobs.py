"""Patches and logs, compressed, named by the sha256 of their content.

Nearly all are small. Rows of the database cost a tenth of what files of their own do, and a pool
of 66,000 instances has no use for as many inodes; what is large is a file.
"""

import hashlib
from pathlib import Path

import zstandard

from builders.process.atomic_write import atomic_write
from curate.core.errors import StoreError
from curate.store.database import Database

MIN_FILE_BYTES = 1 << 16  # compressed bytes from which a blob is a file


class BlobStore:
    """Content-addressed: writing twice is free, half a blob is never seen."""

    def __init__(self, folder: Path, database: Database) -> None:
        """*folder* has the large ones, and all that older formats wrote."""
        self._folder = folder
        self._database = database

    def put(self, content: bytes) -> str:
        """Store *content* and return its key, the sha256 in hexadecimal."""
        key = hashlib.sha256(content).hexdigest()
        if self._read_row(key) is None and not self._blob_path(key).exists():
            packed = zstandard.ZstdCompressor().compress(content)
            if len(packed) < MIN_FILE_BYTES:
                self._database.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", key, packed)
            else:
                self._write_file(self._blob_path(key), packed)
        return key

    def get(self, key: str) -> bytes:
        """Return what was stored under *key*; StoreError if it is gone or damaged."""
        try:
            packed = self._read_row(key) or self._blob_path(key).read_bytes()
            content = zstandard.ZstdDecompressor().decompress(packed)
        except (OSError, zstandard.ZstdError) as error:
            raise self._damaged_error(key) from error
        if hashlib.sha256(content).hexdigest() != key:
            raise self._damaged_error(key)
        return content

    def _read_row(self, key: str) -> bytes | None:
        row = self._database.fetch_one("SELECT data FROM blobs WHERE key = ?", key)
        return row[0] if row else None

    def _blob_path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key[2:]}.zst"

    @staticmethod
    def _write_file(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_bytes(content)

    @staticmethod
    def _damaged_error(key: str) -> StoreError:
        return StoreError(
            f"The stored content {key[:12]}… is missing or damaged.",
            hint="Restore the data folder from a copy, or crawl and validate into a new one.",
        )
