"""Patches and logs: compressed, addressed by the SHA-256 of their content.

Nearly all are small. A database row costs a tenth of a file, and a pool of 66,000 instances should
not need as many inodes; only large blobs are files.
"""

import hashlib
from pathlib import Path

import zstandard

from curate.builders.process.atomic_write import atomic_write
from curate.core.errors import StoreError
from curate.store.database import Database
from curate.store.serialization import decompress

MIN_FILE_BYTES = 1 << 16  # compressed size from which a blob is stored as a file


class BlobStore:
    """Content-addressed storage; writes are idempotent and atomic."""

    def __init__(self, folder: Path, database: Database) -> None:
        """*folder* holds the large blobs."""
        self._folder = folder
        self._database = database

    def put(self, content: bytes) -> str:
        """Store *content* and return its key, the SHA-256 in hexadecimal."""
        key = hashlib.sha256(content).hexdigest()
        if self._read_row(key) is None and not self._blob_path(key).exists():
            packed = zstandard.ZstdCompressor().compress(content)
            if len(packed) < MIN_FILE_BYTES:
                self._database.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", key, packed)
            else:
                self._write_file(self._blob_path(key), packed)
        return key

    def get(self, key: str, packed: bytes | None = None) -> bytes:
        """Return the content of *key*; raises StoreError if it is missing or damaged.

        *packed* is the row of the blob, if it has been read already.
        """
        try:
            packed = packed or self._read_row(key) or self._blob_path(key).read_bytes()
            content = decompress(packed)
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
            hint="Restore the data directory from a backup, or crawl and validate into a new one.",
        )
