"""Files beside the database that are merged with it: large blobs, and drafted recipes."""

import hashlib
import os
from pathlib import Path

import zstandard

from curate.builders.process.atomic_write import atomic_write
from curate.store.merge_sources import SourceError
from curate.store.serialization import decompress


def require_blob(key: str, packed: bytes) -> bool:
    """Return True if *packed* is the content of *key*; raises ValueError or ZstdError if not."""
    if hashlib.sha256(decompress(packed)).hexdigest() != key:
        raise ValueError(f"the content of {key} is another")
    return True


def copy_blob_files(source: Path, target: Path) -> None:
    """Copy the large blobs that *target* lacks; raises SourceError for a damaged one.

    Both are data directories.
    """
    for file in sorted(source.glob("blobs/??/*.zst")):
        copy = target / file.relative_to(source)
        if copy.exists():
            continue
        try:
            packed = file.read_bytes()
            require_blob(file.parent.name + file.stem, packed)
        except (OSError, ValueError, zstandard.ZstdError) as error:
            name = file.relative_to(source)
            raise SourceError(f"is damaged: {name} cannot be read") from error
        _write(copy, packed)


def copy_recipes(source: Path, target: Path) -> tuple[str, ...]:
    """Copy drafted recipes; of two different ones of a name the one that was written last stays.

    Returns the names of those that differ.
    """
    different = []
    for file in sorted(source.glob("recipes/*.toml")):
        copy = target / file.relative_to(source)
        content, written = file.read_bytes(), file.stat().st_mtime_ns
        if copy.exists():
            if copy.read_bytes() == content:
                continue
            different.append(file.name)
            if (copy.stat().st_mtime_ns, copy.read_bytes()) > (written, content):
                continue
        _write(copy, content)
        os.utime(copy, ns=(written, written))
    return tuple(different)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        partial.write_bytes(content)
