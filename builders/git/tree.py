"""Read-only views of the files of one commit, from a git repository or from a folder."""

import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Protocol

from curate.builders.errors import MissingObjectsError
from curate.builders.git.objects import ObjectReader
from curate.builders.git.run import GitCommandError, git_fields


class FileTree(Protocol):
    """The files of a commit; paths are relative, with forward slashes."""

    def read(self, path: str) -> bytes | None:
        """Return the content of *path*, or None if there is no such file."""
        ...

    def list_names(self, folder: str = "") -> tuple[str, ...]:
        """Return the sorted names of the files directly in *folder*; () if it is missing."""
        ...


class FolderTree:
    """The files below *root* on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str) -> bytes | None:
        """Return the content of *path*, or None if there is no such file."""
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def list_names(self, folder: str = "") -> tuple[str, ...]:
        """Return the sorted names of the files directly in *folder*; () if it is missing."""
        parent = self.root / folder
        if not parent.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in parent.iterdir() if entry.is_file()))


class GitTree:
    """The files of *commit* in *repo*, read through one `git cat-file --batch` process.

    *repo* may be a bare mirror without a config file. Symbolic links are not followed. Use it as a
    context manager, or call `close`. Safe to share between threads. Methods raise `GitCommandError`
    if git dies or the commit is missing, `MissingObjectsError` if the content of a file is missing.
    """

    def __init__(self, repo: Path, commit: str) -> None:
        # An explicit git directory, because discovery rejects one without a config file.
        self._git_dir = repo / ".git" if (repo / ".git").exists() else repo
        self.commit = commit
        self._lock = threading.Lock()
        self._objects = ObjectReader(self._git_dir)

    def __enter__(self) -> "GitTree":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the git process; a later read starts a new one."""
        with self._lock:
            self._objects.close()

    def read(self, path: str) -> bytes | None:
        """Return the content of *path*, or None if the commit has no such file."""
        if path not in self._blobs:
            return None
        with self._lock:
            content = self._objects.read(self._blobs[path])
        if content is None:
            raise MissingObjectsError(self._git_dir, self.commit, [path])
        return content

    def list_names(self, folder: str = "") -> tuple[str, ...]:
        """Return the sorted names of the files directly in *folder*; () if it is missing."""
        prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        relative_paths = (path[len(prefix) :] for path in self._blobs if path.startswith(prefix))
        return tuple(
            sorted(relative_path for relative_path in relative_paths if "/" not in relative_path)
        )

    @property
    def paths(self) -> tuple[str, ...]:
        """The path of every regular file, in git's order."""
        return tuple(self._blobs)

    def object_id(self, path: str) -> str:
        """Return the object id of the content of *path*, one of `paths`."""
        return self._blobs[path]

    @cached_property
    def _blobs(self) -> dict[str, str]:
        """Path -> object id of every regular file."""
        blobs = {}
        for entry in self._list_entries():
            head, path = entry.decode("utf-8", "surrogateescape").split("\t", 1)
            mode, kind, oid = head.split(" ")
            if kind == "blob" and mode != "120000":
                blobs[path] = oid
        return blobs

    def _list_entries(self) -> Iterator[bytes]:
        try:
            yield from git_fields(self._git_dir, "ls-tree", "-r", "-z", self.commit)
        except GitCommandError as error:
            if "not a tree object" in error.stderr:  # git's words for an id that it does not know
                raise MissingObjectsError(self._git_dir, self.commit, [self.commit]) from error
            raise
