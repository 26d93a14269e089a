"""A local bare mirror of a repository: open, clone, update and read it in bulk."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from curate.builders.git.objects import ObjectReader
from curate.builders.git.run import git_output, require_access, run_git
from curate.core.errors import AuthenticationError, ConfigurationError, NetworkError, NotFoundError
from curate.git.commit_graph import CommitGraph
from curate.git.diff import DiffReader

REFSPECS = (
    "+refs/heads/*:refs/heads/*",
    "+refs/tags/*:refs/tags/*",
    "+refs/pull/*/head:refs/pull/*/head",
)
_ASKPASS = """#!/bin/sh
case "$1" in
  *"//$CURATE_GIT_HOST'"* | *"@$CURATE_GIT_HOST'"*) ;;
  *"//$CURATE_GIT_HOST/"* | *"@$CURATE_GIT_HOST/"*) ;;
  *) exit 1 ;;  # a redirect to another host
esac
case "$1" in Username*) echo x-access-token ;; *) printf '%s\\n' "$CURATE_GIT_TOKEN" ;; esac
"""
# A server that sends less than a byte a second for this long is given up; git itself waits forever.
_SILENCE = {"GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "120"}


class InvalidMirrorError(ConfigurationError):
    """A directory that is not a bare git repository with commits."""


class Mirror:
    """A bare repository with the head commits of all its pull requests; a context manager.

    `commit_graph`, `object_reader` and `diff_reader` are created on first use and closed with the
    mirror. Not safe to share between threads.
    """

    def __init__(self, path: Path) -> None:
        """*path* is not checked: use `open_mirror` or `ensure_mirror`."""
        self.path = path

    @cached_property
    def commit_graph(self) -> CommitGraph:
        """The whole commit graph, read once."""
        return CommitGraph.read(self.path)

    @cached_property
    def object_reader(self) -> ObjectReader:
        """Reads git objects."""
        return ObjectReader(self.path)

    @cached_property
    def diff_reader(self) -> DiffReader:
        """Reads file lists and patches between commits."""
        return DiffReader(self.path)

    def can_apply(self, commit: str, patch: bytes) -> bool:
        """Whether `git apply --check` accepts *patch* at *commit*; the mirror is not changed."""
        with tempfile.TemporaryDirectory(prefix="curate-index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            if run_git(self.path, "read-tree", commit, environment=index).returncode:
                return False
            arguments = ("apply", "--cached", "--check", "--whitespace=nowarn", "-")
            result = run_git(self.path, *arguments, stdin=patch, environment=index)
            return result.returncode == 0

    def close(self) -> None:
        """Terminate the processes and drop the graph; the mirror can be used again afterwards."""
        for name in ("object_reader", "diff_reader"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()
        self.__dict__.pop("commit_graph", None)

    def __enter__(self) -> "Mirror":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_mirror(path: Path) -> Mirror:
    """Open the mirror in *path*.

    Raises `NotFoundError` if *path* is not a directory, `PermissionError` if it may not be read,
    `InvalidMirrorError` if it is not a bare repository or has no branches.
    """
    if not path.is_dir():
        raise NotFoundError(f"No mirror in {path}.", hint="Create it with `git clone --mirror`.")
    require_access(path)
    if run_git(path, "rev-parse", "--git-dir").returncode:
        raise InvalidMirrorError(
            f"{path} is not a bare git repository.",
            hint="Pass the directory that `git clone --mirror` created.",
        )
    if not run_git(path, "for-each-ref", "--count=1").stdout:
        raise InvalidMirrorError(f"{path} has no branches.", hint="Clone the repository again.")
    return Mirror(path)


def default_branch_commits(mirror: Mirror) -> list[str]:
    """First-parent commits of the default branch, oldest first."""
    return (
        git_output(mirror.path, "rev-list", "--first-parent", "--reverse", "HEAD").decode().split()
    )


def ensure_mirror(path: Path, url: str, *, token: str | None = None) -> Mirror:
    """Clone *url* into *path*, or fetch what is new.

    The first fetch goes to a sibling directory that is renamed to *path* when complete. Refs that
    the server has deleted are kept: a PR's base commit may be reachable from nothing else. Raises
    `NetworkError`, `AuthenticationError` or `NotFoundError`.
    """
    if path.exists():
        mirror = open_mirror(path)
        fetch_refs(path, url, token=token)
        return mirror
    partial = path.with_name(path.name + ".partial")
    if not (partial / "HEAD").exists():
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        _init_bare_repository(partial)
    fetch_refs(partial, url, token=token)
    partial.rename(path)
    return open_mirror(path)


def fetch_refs(path: Path, url: str, *, token: str | None = None) -> None:
    """Fetch branches, tags and PR heads of *url* into the bare repository *path*.

    `HEAD` is set to the default branch of *url*. Raises what `ensure_mirror` raises.
    """
    options = ("--quiet", "--no-auto-maintenance", "--no-write-fetch-head")
    _run_remote_git(path, token, "fetch", *options, url, *REFSPECS)
    answer = _run_remote_git(path, token, "ls-remote", "--symref", url, "HEAD")
    default = re.match(r"ref: (refs/heads/\S+)\tHEAD", answer)
    if default:
        run_git(path, "symbolic-ref", "HEAD", default[1])


def _run_remote_git(path: Path, token: str | None, command: str, *arguments: str) -> str:
    """Run a git command that contacts a server, with the user's git configuration."""
    import git

    words = ["git", f"--git-dir={path}", "-c", "core.bare=true", command, *arguments]
    host = next((urlsplit(it).netloc for it in arguments if "://" in it), "")
    with _askpass_environment(token, host) as environment:
        try:
            return str(git.Git(path).execute(words, env=environment))
        except git.GitCommandError as failure:
            raise _classify_fetch_error(str(failure.stderr)) from None


def _init_bare_repository(path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)


def _classify_fetch_error(stderr: str) -> NetworkError | AuthenticationError | NotFoundError:
    message = stderr.lower()
    denials = ("authentication failed", "could not read username", "could not read password", "403")
    if any(text in message for text in denials):
        return AuthenticationError(
            "The git server rejected the credentials.", hint="Set GITHUB_TOKEN to a valid token."
        )
    if "not found" in message or "does not appear to be a git repository" in message:
        return NotFoundError(
            f"Repository not found on the git server: {stderr.strip()[-200:]}",
            hint="Check the name of the repository.",
        )
    if "operation too slow" in message:
        return NetworkError(
            "The git server accepts requests but does not answer.", hint="Try again later."
        )
    return NetworkError(f"git fetch failed: {stderr.strip()[-500:]}", hint="Try again.")


@contextmanager
def _askpass_environment(token: str | None, host: str) -> Iterator[dict[str, str]]:
    """Environment with a GIT_ASKPASS program, which keeps the token off the command line.

    It gives the token to *host* only.
    """
    with tempfile.TemporaryDirectory(prefix="curate-askpass-") as folder:
        environment = {**_SILENCE, **os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        if token:
            program = Path(folder) / "askpass"
            program.write_text(_ASKPASS)
            program.chmod(0o700)
            environment |= {
                "GIT_ASKPASS": str(program),
                "CURATE_GIT_TOKEN": token,
                "CURATE_GIT_HOST": host,
            }
        yield environment
