"""What differs between a folder on this machine and one on the Hub."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HUB_OWNED_FILES = {".gitattributes"}  # created by the Hub


@dataclass(frozen=True, kw_only=True)
class FolderChanges:
    """Changes of one commit: sorted paths relative to the directory."""

    add: tuple[str, ...]
    delete: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.delete)


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """Hashes by which the Hub may identify a file's content."""

    git: str  # SHA-1 of the git blob
    sha256: str  # of the content; "" if the Hub does not report it


def plan_changes(
    local: Mapping[str, FileDigest], remote: Mapping[str, FileDigest]
) -> FolderChanges:
    """Return the changes that make *remote* equal *local*, except for the Hub's own files."""
    add = [path for path, digest in local.items() if not is_same_content(digest, remote.get(path))]
    delete = [path for path in remote if path not in local and path not in HUB_OWNED_FILES]
    return FolderChanges(add=tuple(sorted(add)), delete=tuple(sorted(delete)))


def local_digests(folder: Path) -> dict[str, FileDigest]:
    """Return the digests of all files below *folder*, by relative path."""
    return {
        path.relative_to(folder).as_posix(): digest_content(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def digest_content(content: bytes) -> FileDigest:
    """Return the hashes of *content*."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return FileDigest(git=git.hexdigest(), sha256=hashlib.sha256(content).hexdigest())


def is_same_content(local: FileDigest, remote: FileDigest | None) -> bool:
    """Whether both digests are of the same content; False where *remote* is missing."""
    if remote is None:
        return False
    return local.sha256 == remote.sha256 if remote.sha256 else local.git == remote.git
