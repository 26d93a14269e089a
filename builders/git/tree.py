"""Read-only views of the files of one commit, from a git repository or from a folder."""

import subprocess
import threading
from functools import cached_property
from pathlib import Path
from typing import IO, Protocol

from builders.errors import BuilderError


class Tree(Protocol):
    """The files of a commit; paths are relative, with forward slashes."""

    def read(self, path: str) -> bytes | None:
        """Return the content of *path*, or None where there is no such file."""
        ...

    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of the files directly in *folder*, sorted; () where it is missing."""
        ...


class FolderTree:
    """The files below *root*, as they are on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str) -> bytes | None:
        """Return the content of *path*, or None where there is no such file."""
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of the files directly in *folder*, sorted; () where it is missing."""
        parent = self.root / folder
        if not parent.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in parent.iterdir() if entry.is_file()))


class GitTree:
    """The files of *commit* in *repo*, read through one long `git cat-file --batch`.

    *repo* may be a bare mirror without a config file, or one that lacks some blobs (those read as
    None). Symbolic links are not followed. Use it as a context manager, or call `close`.
    Safe to share between threads. Raises `BuilderError` where git dies or lacks the commit.
    """

    def __init__(self, repo: Path, commit: str) -> None:
        self.repo = repo
        self.commit = commit
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "GitTree":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the git process; a later read starts a new one."""
        with self._lock:
            if self._process is not None:
                self._process.communicate()
                self._process = None

    def read(self, path: str) -> bytes | None:
        """Return the content of *path*, or None where the commit has no such file."""
        if path not in self._blobs:
            return None
        with self._lock:
            return self._request(self._blobs[path])

    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of the files directly in *folder*, sorted; () where it is missing."""
        prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        rests = (path[len(prefix) :] for path in self._blobs if path.startswith(prefix))
        return tuple(sorted(rest for rest in rests if "/" not in rest))

    @property
    def paths(self) -> tuple[str, ...]:
        """Path of every regular file, in git's order."""
        return tuple(self._blobs)

    @cached_property
    def _blobs(self) -> dict[str, str]:
        """Object id of every regular file, by path."""
        done = subprocess.run(
            [*_git(self.repo), "ls-tree", "-r", "-z", self.commit],
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            message = done.stderr.decode(errors="replace").strip()
            raise BuilderError(f"git cannot list {self.commit}: {message}")
        blobs = {}
        for entry in done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]:
            head, path = entry.split("\t", 1)
            mode, kind, oid = head.split(" ")
            if kind == "blob" and mode != "120000":
                blobs[path] = oid
        return blobs

    def _request(self, oid: str) -> bytes | None:
        pipe_in, pipe_out = self._pipes()
        pipe_in.write(f"{oid}\n".encode())
        pipe_in.flush()
        header = pipe_out.readline().split()
        if not header:
            raise BuilderError(f"git cat-file ended while reading {self.commit}")
        if header[-1] == b"missing":
            return None
        content = pipe_out.read(int(header[2]))
        pipe_out.read(1)  # the line feed after every object
        return content

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            self._process = subprocess.Popen(
                [*_git(self.repo), "cat-file", "--batch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        return pipe_in, pipe_out


def _git(repo: Path) -> list[str]:
    """Name the git folder outright: discovery refuses folders that have no config file."""
    folder = repo / ".git" if (repo / ".git").exists() else repo
    return ["git", "--git-dir", str(folder), "-c", "safe.directory=*"]
