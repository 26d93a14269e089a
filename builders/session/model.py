"""Data model of sandboxes that stay: what they are made of, and what their commands return."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from curate.builders.errors import SandboxError
from curate.builders.model import ResourceLimits, RunStatus
from curate.builders.session.terminal import Terminal

OVERLAY, COPY = "overlay", "copy"  # values of `Session.snapshot_method`


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """How a session's sandbox is set up."""

    env_vars: Mapping[str, str] = field(default_factory=dict)  # exported in the shell
    limits: ResourceLimits = field(default_factory=ResourceLimits)  # of all its processes together
    network: bool = False  # whether commands reach the network


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """What a command in the shell printed, and how it ended."""

    output: bytes  # stdout and stderr as they came, head and tail if there is too much
    total_bytes: int  # size of the output before it was cut
    exit_code: int | None  # None if the command was interrupted, or ended with the shell
    seconds: float
    timed_out: bool = False  # interrupted at the time limit of the command
    new_shell: str = ""  # why the next command gets a new shell; "" = it gets the same one
    reached_limit: RunStatus | None = None  # of memory, processes or disk


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The files of a session at one time, and the state of its shell."""

    layers: tuple[Path, ...] = ()  # overlay: the newest first, on top of the instance's own
    copy: str = ""  # copy: name of the copy within the session
    shell_state: bytes = b""  # commands that set directory, variables, functions and options
    method: str = OVERLAY


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A file or symbolic link in the checkout; its hash tells whether it was changed."""

    mode: str  # as git has it: "100644", "100755" or "120000"
    digest: str  # of the content, or of the target of a link


class FileTooLargeError(SandboxError):
    """A file of a session, or what is read at once, is too large."""


class Session(Protocol):
    """A living sandbox of one instance with one shell. Methods are called by one thread at a time.

    All raise SandboxError if the sandbox cannot be used any more, EngineUnavailableError if the
    engine does not respond.
    """

    snapshot_method: str  # OVERLAY or COPY
    snapshot_note: str  # why it is COPY; "" if it is not

    def run(self, command: bytes, seconds: float, output_bytes: int) -> CommandResult:
        """Run *command* in the shell; after *seconds*, it is interrupted."""
        ...

    def attach(self, command: Sequence[str], terminal: Terminal) -> int:
        """Run *command* outside of the shell, on *terminal*; return its exit code."""
        ...

    def save(self) -> Snapshot:
        """Keep the files as they are now, and the state of the shell."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Put the files back, end all processes, and start a shell with the saved state."""
        ...

    def fork(self, snapshot: Snapshot) -> "Session":
        """Return another session that starts from *snapshot* of this one."""
        ...

    def list_files(self) -> Mapping[bytes, FileEntry]:
        """Return path -> entry of all files of the checkout, without those of git."""
        ...

    def read_files(self, paths: Iterable[bytes]) -> Mapping[bytes, bytes]:
        """Return path -> content of files of the checkout; of links, the target."""
        ...

    def close(self) -> None:
        """End all processes and remove the sandbox; closing twice does nothing."""
        ...


SessionOpener = Callable[[], Session]
