"""What the shell server of a sandbox can be asked, as functions."""

import os
import signal
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence

from curate.builders.errors import SandboxError
from curate.builders.model import RunStatus
from curate.builders.session.channel import Channel
from curate.builders.session.model import CommandResult, FileEntry, FileTooLargeError
from curate.builders.session.server.files import MISSING, TOO_LARGE
from curate.builders.session.terminal import Terminal

_GRACE_SECONDS = 60.0  # after a command's time until its sandbox counts as gone
_COPY_SECONDS = 1800.0
_LENGTH = struct.Struct(">Q")


class ShellClient:
    """Requests to one shell server. All methods raise SandboxError if it has ended or failed."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def await_server(self) -> None:
        """Wait until the server answers."""
        self._channel.call("end")

    def start(self, state: bytes = b"") -> None:
        """End all processes and start a shell with the state that `get_state` has returned."""
        self._channel.call("start", state)

    def run(
        self, command: bytes, seconds: float, limit: int, watch: Callable[[], bool]
    ) -> CommandResult:
        """Run *command*; *watch* is called every two seconds: True = kill all processes."""
        stopped: list[bool] = []

        def is_exceeded() -> bool:
            stopped[:] = [watch()]
            return stopped[0]

        reply, output = self._channel.call(
            "run",
            command,
            seconds=seconds + _GRACE_SECONDS,
            watch=is_exceeded,
            fields={"seconds": seconds, "limit": limit},
        )
        reached = RunStatus(reply["reached"]) if reply["reached"] else None
        return CommandResult(
            output=output,
            total_bytes=reply["total"],
            exit_code=reply["code"],
            seconds=reply["seconds"],
            timed_out=reply["timed_out"],
            new_shell=reply["new_shell"],
            reached_limit=RunStatus.OUT_OF_DISK if any(stopped) else reached,
        )

    def attach(self, command: Sequence[str], terminal: Terminal) -> int:
        """Run *command* on *terminal* until it ends; return its exit code, 128 + N for signal N."""
        self._channel.send("attach", b"", {"command": list(command), **terminal.describe()})
        with terminal.connected(self._channel.send):
            while True:
                reply, data = self._channel.read_reply()
                if "code" in reply:
                    code = int(reply["code"])
                    return code if code >= 0 else 128 - code
                terminal.write(reply["stream"], data)

    def get_state(self, *, stop: bool = False) -> tuple[bytes, int]:
        """Return the state of the shell, and the number of other processes.

        With *stop*, all are stopped afterwards, until `continue_all` or `start`.
        """
        reply, state = self._channel.call("state", fields={"stop": stop})
        return state, int(reply["others"])

    def end(self) -> bool:
        """End all processes; return whether they left nothing outside of the files."""
        return bool(self._channel.call("end")[0]["clean"])

    def continue_all(self) -> None:
        """Let stopped processes continue."""
        self._channel.call("signal", fields={"number": int(signal.SIGCONT)})

    def copy(self, name: str) -> None:
        """Copy the folders that the user can write, while all processes are stopped."""
        self._channel.call("signal", fields={"number": int(signal.SIGSTOP)})
        try:
            self._channel.call("copy", seconds=_COPY_SECONDS, fields={"name": name})
        finally:
            self.continue_all()

    def put_back(self, name: str) -> None:
        """Put back what `copy` has copied."""
        self._channel.call("put_back", seconds=_COPY_SECONDS, fields={"name": name})

    def mount(self, lower: Sequence[str], upper: str, work: str) -> None:
        """Mount an overlay over the instance's folder; for local sandboxes."""
        fields = {"lower": list(lower), "upper": upper, "work": work}
        self._channel.call("mount", fields=fields)

    def list_files(self) -> Mapping[bytes, FileEntry]:
        """Return path -> entry of all files of the checkout, without those of git."""
        lines = self._channel.call("list", seconds=_COPY_SECONDS)[1].split(b"\0")
        entries = (line.split(b" ", 2) for line in lines if line)
        return {
            path: FileEntry(mode=mode.decode(), digest=digest.decode())
            for mode, digest, path in entries
        }

    def read_files(self, paths: Iterable[bytes]) -> Mapping[bytes, bytes]:
        """Return path -> content of files of the checkout; of links, the target."""
        wanted = list(paths)
        data = self._channel.call("read", b"\0".join(wanted), seconds=_COPY_SECONDS)[1]
        found, position = {}, 0
        for path in wanted:
            (size,) = _LENGTH.unpack_from(data, position)
            position += _LENGTH.size
            if size == TOO_LARGE:
                raise FileTooLargeError(f"{os.fsdecode(path)} is too large for a patch")
            if size == MISSING:
                raise SandboxError(f"the file {path!r} cannot be read")
            found[path] = data[position : position + size]
            position += size
        return found

    def close(self) -> None:
        """Close the connection; the server then ends all processes and itself."""
        self._channel.close()
