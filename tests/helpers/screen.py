"""A curate command on a terminal of a given size, and what a person sees of it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.demo.sample import ROOT

COLORS = re.compile(r"\x1b\[[0-9;]*m")
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|.)")
# Of this machine, or of whoever runs the tests.
_FOREIGN = ("CURATE_", "GITHUB_", "GH_", "HF_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a command left on the terminal."""

    code: int
    raw: str  # with escape sequences
    attributes: tuple[object, ...]  # of the terminal afterwards, as `termios` has them
    before: tuple[object, ...]

    @property
    def text(self) -> str:
        """Lines without escape sequences."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n")


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of a terminal, and what kind it is."""

    columns: int
    lines: int = 50
    term: str = "xterm-256color"


def clean_environment(**variables: str) -> dict[str, str]:
    """The variables of this process without those that change what is shown, and *variables*."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
    return {**kept, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", **variables}


def show_on_terminal(
    command: list[str], folder: Path, size: Size, variables: Mapping[str, str]
) -> Shown:
    """Run *command* (of Python, after its name) in *folder* on a terminal; wait for its end."""
    with open_terminal(size) as (ours, theirs):
        before = read_attributes(theirs)
        process = start(command, folder, theirs, clean_environment(TERM=size.term, **variables))
        attributes: tuple[object, ...] = ()
        said = bytearray()
        while process.poll() is None or _has_more(ours):
            said += read(ours, 0.05)
        attributes = read_attributes(theirs)
    return Shown(
        code=process.returncode,
        raw=said.decode("utf-8", "replace"),
        attributes=attributes,
        before=before,
    )


def start(
    command: list[str], folder: Path, terminal: int, environment: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """Start Python on *terminal*, which controls its session, so that Ctrl-C reaches it."""
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=dict(environment),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(terminal, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )


class open_terminal:  # noqa: N801 (used as a function)
    """Both ends of a terminal of *size*; a context manager."""

    def __init__(self, size: Size) -> None:
        self.ours, self.theirs = pty.openpty()
        packed = struct.pack("HHHH", size.lines, size.columns, 0, 0)
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, packed)

    def __enter__(self) -> tuple[int, int]:
        return self.ours, self.theirs

    def __exit__(self, *_: object) -> None:
        for end in (self.ours, self.theirs):
            with suppress(OSError):
                os.close(end)


def read_attributes(terminal: int) -> tuple[object, ...]:
    return tuple(termios.tcgetattr(terminal)[:4])


def _has_more(file: int) -> bool:
    import select

    return bool(select.select([file], [], [], 0)[0])


def read(file: int, seconds: float) -> bytes:
    import select

    if not select.select([file], [], [], seconds)[0]:
        return b""
    with suppress(OSError):
        return os.read(file, 1 << 16)
    return b""


def too_wide(text: str, columns: int) -> Iterator[str]:
    """The lines of *text* that do not fit."""
    from rich.cells import cell_len

    yield from (line for line in text.split("\n") if cell_len(line) > columns)
