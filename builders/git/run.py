"""Run git without prompts and independently of the user's configuration."""

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.builders.errors import BuilderError

_CHUNK_BYTES = 1 << 18  # size of one read
_HAS_EFFECTIVE_IDS = os.access in os.supports_effective_ids
ATTRIBUTES = Path(__file__).with_name("attributes")


class GitCommandError(BuilderError):
    """A git command failed; has its exit code and standard error."""

    def __init__(self, arguments: Sequence[str], code: int, stderr: bytes) -> None:
        text = stderr.decode(errors="replace").strip()
        hint = "Check the repository with git fsck, or delete the mirror to fetch it again."
        super().__init__(
            f"git {arguments[0]} failed with exit code {code}: {text[-2000:]}", hint=hint
        )
        self.code = code
        self.stderr = text


def hermetic_env() -> dict[str, str]:
    """Return variables for reading a bare repository; git's output depends on nothing else.

    Hunk headers of Python files name the function, as in GitHub's diffs.
    """
    return _make_environment({"core.attributesFile": str(ATTRIBUTES), "core.bare": "true"})


def checkout_environment() -> dict[str, str]:
    """Return variables for creating a work tree, without any setting of the user."""
    return _make_environment({"core.fsync": "none"})


def _make_environment(options: Mapping[str, str]) -> dict[str, str]:
    """Return this process's variables without GIT_*, with *options* as git's only settings."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    settings = {"safe.directory": "*", **options}
    return inherited | {
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_CONFIG_COUNT": str(len(settings)),
        **{f"GIT_CONFIG_KEY_{n}": key for n, key in enumerate(settings)},
        **{f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(settings.values())},
    }


def run_git(
    path: Path,
    *arguments: str,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run git on the bare repository *path*; a failure is only visible in the exit code."""
    return subprocess.run(
        ["git", f"--git-dir={path}", *arguments],
        input=stdin,
        capture_output=True,
        env=hermetic_env() | dict(environment or {}),
        check=False,
    )


def require_access(path: Path) -> None:
    """Raise PermissionError if this user may not read the folder *path*; git finds none there."""
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK, effective_ids=_HAS_EFFECTIVE_IDS):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def git_fields(path: Path, *arguments: str) -> Iterator[bytes]:
    """Yield the NUL-separated fields of git's output while it is printed.

    Raises:
        GitCommandError: git failed; raised after the last field.
    """
    command = ["git", f"--git-dir={path}", *arguments]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(command, stderr=stderr, env=hermetic_env(), **pipes) as child,
    ):
        remainder = b""
        while chunk := child.stdout.read1(_CHUNK_BYTES):  # type: ignore[union-attr]
            *complete, remainder = (remainder + chunk).split(b"\0")
            yield from complete
        if code := child.wait():
            stderr.seek(0)
            raise GitCommandError(arguments, code, stderr.read())
        if remainder:
            yield remainder


def git_output(path: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Return the output of git for the bare repository *path*.

    Raises:
        GitCommandError: git failed.
    """
    completed = run_git(path, *arguments, stdin=stdin)
    if completed.returncode:
        raise GitCommandError(arguments, completed.returncode, completed.stderr)
    return completed.stdout
