"""The git patch of what an agent has changed, made without running anything of the agent's.

The agent may have changed the repository's history, settings, hooks and attributes, so its git
folder is not used: all files are compared, byte by byte, with those of a new sandbox, and git makes
the patch in a repository of its own. Ignored files count, too; bytecode that Python has cached does
not, since no patch needs it.
"""

import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from curate.builders.errors import SandboxError
from curate.builders.git.run import checkout_environment
from curate.builders.session.model import FileEntry, Session

BYTECODE_FOLDER = b"__pycache__"

Files = Mapping[bytes, tuple[str, bytes]]  # path -> git's mode, content


class DiffMaker:
    """Makes diffs against the files of new sessions of one instance."""

    def __init__(self, handle: str, open_session: Callable[[], Session]) -> None:
        self._open_session = open_session
        self._base = _base_files(handle)

    def __call__(self, session: Session) -> bytes:
        """Return the patch that makes the files of *session* of those of a new one."""
        pristine = self._base.get(self._open_session)
        found = session.list_files()
        changed = find_changes(pristine, found)
        if not changed:
            return b""
        after = _read(session, found, changed)
        before_paths = [path for path in changed if path in pristine]
        if not before_paths:
            return render_patch({}, after)
        fresh = self._open_session()
        try:
            return render_patch(_read(fresh, pristine, before_paths), after)
        finally:
            fresh.close()


class BaseFiles:
    """The files of a new session, listed once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: Mapping[bytes, FileEntry] | None = None

    def get(self, open_session: Callable[[], Session]) -> Mapping[bytes, FileEntry]:
        """Return them, from a new session at first."""
        with self._lock:
            if self._files is None:
                session = open_session()
                try:
                    self._files = session.list_files()
                finally:
                    session.close()
            return self._files


@lru_cache(32)
def _base_files(_handle: str) -> BaseFiles:
    return BaseFiles()


def find_changes(
    before: Mapping[bytes, FileEntry], after: Mapping[bytes, FileEntry]
) -> list[bytes]:
    """Return the paths that differ, in order, without bytecode that was added."""
    paths = sorted(before.keys() | after.keys())
    return [
        path
        for path in paths
        if before.get(path) != after.get(path)
        and not (path not in before and BYTECODE_FOLDER in path.split(b"/"))
    ]


def render_patch(before: Files, after: Files) -> bytes:
    """Return the git patch from the files *before* to those *after*, binary ones too."""
    with TemporaryDirectory(prefix="curate-diff-") as folder:
        repository = Path(folder)
        _run_git(repository, "init", "-q", "--bare", ".")
        stream = _make_commit(b"before", before) + _make_commit(b"after", after)
        _run_git(repository, "fast-import", "--quiet", stdin=stream)
        options = ("--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv")
        return _run_git(repository, "diff", *options, "before", "after")


def _make_commit(branch: bytes, files: Files) -> bytes:
    """Return the commands of `git fast-import` that make a branch with *files*."""
    lines = [b"commit refs/heads/" + branch, b"committer c <c> 0 +0000", b"data 0", b""]
    parts = [b"\n".join(lines)]
    for path, (mode, content) in files.items():
        head = b"M %s inline %s\ndata %d\n" % (mode.encode(), _quote(path), len(content))
        parts += [head, content, b"\n"]
    return b"".join([*parts, b"\n"])


def _quote(path: bytes) -> bytes:
    """Quote *path* as git does."""
    return b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'


def _run_git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    command = ["git", *arguments]
    env = checkout_environment()
    result = subprocess.run(
        command, cwd=folder, input=stdin, env=env, capture_output=True, check=False
    )
    if result.returncode:
        problem = result.stderr.decode(errors="replace").strip()
        raise SandboxError(f"the patch cannot be made: git {arguments[0]}: {problem}")
    return result.stdout


def _read(
    session: Session, entries: Mapping[bytes, FileEntry], paths: Iterable[bytes]
) -> dict[bytes, tuple[str, bytes]]:
    present = [path for path in paths if path in entries]
    contents = session.read_files(present)
    return {path: (entries[path].mode, contents[path]) for path in present}
