"""Running git the same way everywhere: no prompts, no user configuration in what we compare."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from builders.errors import BuilderError

_CHUNK_BYTES = 1 << 18  # bytes read at once
ATTRIBUTES = Path(__file__).with_name("attributes")


class GitCommandError(BuilderError):
    """A git command that had to work did not; carries its exit code and standard error."""

    def __init__(self, arguments: Sequence[str], code: int, stderr: bytes) -> None:
        text = stderr.decode(errors="replace").strip()
        hint = "Is the mirror whole? Fetch it again, or look with git fsck."
        super().__init__(f"git {arguments[0]} ended with {code}: {text[-2000:]}", hint=hint)
        self.code = code
        self.stderr = text


def hermetic_env() -> dict[str, str]:
    """Environment to read a bare repository, in which output depends on the repository alone.

    Hunk headers of Python files name the function, as GitHub's own diffs do.
    """
    return _make_environment({"core.attributesFile": str(ATTRIBUTES), "core.bare": "true"})


def checkout_environment() -> dict[str, str]:
    """Environment to make a work tree, in which no setting of the user changes what is written."""
    return _make_environment({"core.fsync": "none"})


def _make_environment(options: Mapping[str, str]) -> dict[str, str]:
    """The variables of this process without git's own, and git's settings from *options* alone."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    settings = {"safe.directory": "*", **options}
    return kept | {
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
    """Run git on the bare repository *path*; a command that fails is a value."""
    return subprocess.run(
        ["git", f"--git-dir={path}", *arguments],
        input=stdin,
        capture_output=True,
        env=hermetic_env() | dict(environment or {}),
        check=False,
    )


def git_fields(path: Path, *arguments: str) -> Iterator[bytes]:
    """What git prints between NUL bytes, while it prints on; raises `GitCommandError` at the
    end."""
    command = ["git", f"--git-dir={path}", *arguments]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(command, stderr=stderr, env=hermetic_env(), **pipes) as child,
    ):
        remainder = b""
        while chunk := child.stdout.read1(_CHUNK_BYTES):  # type: ignore[union-attr]
            *whole, remainder = (remainder + chunk).split(b"\0")
            yield from whole
        if code := child.wait():
            stderr.seek(0)
            raise GitCommandError(arguments, code, stderr.read())
        if remainder:
            yield remainder


def git_output(path: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """What git prints; raises `GitCommandError` where it fails."""
    done = run_git(path, *arguments, stdin=stdin)
    if done.returncode:
        raise GitCommandError(arguments, done.returncode, done.stderr)
    return done.stdout
