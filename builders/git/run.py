"""Running git the same way everywhere: no prompts, no user configuration in what we compare."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from builders.errors import BuilderError

_PIECE = 1 << 18  # bytes read at once
ATTRIBUTES = Path(__file__).with_name("attributes")


class GitFailed(BuilderError):
    """A git command that had to work did not; carries its exit code and standard error."""

    def __init__(self, arguments: Sequence[str], code: int, stderr: bytes) -> None:
        text = stderr.decode(errors="replace").strip()
        hint = "Is the mirror whole? Fetch it again, or look with git fsck."
        super().__init__(f"git {arguments[0]} ended with {code}: {text[-2000:]}", hint=hint)
        self.code = code
        self.stderr = text


def reading_environment() -> dict[str, str]:
    """Environment to read a bare repository, in which output depends on the repository alone.

    Hunk headers of Python files name the function, as GitHub's own diffs do.
    """
    return _environment({"core.attributesFile": str(ATTRIBUTES), "core.bare": "true"})


def checkout_environment() -> dict[str, str]:
    """Environment to make a work tree, in which no setting of the user changes what is written."""
    return _environment({"core.fsync": "none"})


def _environment(options: Mapping[str, str]) -> dict[str, str]:
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


def attempt(
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
        env=reading_environment() | dict(environment or {}),
        check=False,
    )


def fields(path: Path, *arguments: str) -> Iterator[bytes]:
    """What git prints between NUL bytes, while it prints on; raises `GitFailed` at the end."""
    command = ["git", f"--git-dir={path}", *arguments]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(command, stderr=stderr, env=reading_environment(), **pipes) as child,
    ):
        rest = b""
        while piece := child.stdout.read1(_PIECE):  # type: ignore[union-attr]
            *whole, rest = (rest + piece).split(b"\0")
            yield from whole
        if code := child.wait():
            stderr.seek(0)
            raise GitFailed(arguments, code, stderr.read())
        if rest:
            yield rest


def output(path: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """What git prints; raises `GitFailed` where it fails."""
    done = attempt(path, *arguments, stdin=stdin)
    if done.returncode:
        raise GitFailed(arguments, done.returncode, done.stderr)
    return done.stdout
