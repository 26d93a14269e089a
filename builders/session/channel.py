"""The connection to the shell server in a sandbox: requests out, replies in."""

import json
import math
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from curate.builders.errors import SandboxError

REPLY_SECONDS = 60.0  # that a request may take which runs no command
_HEADER = struct.Struct(">I")
_STREAM_HEADER = struct.Struct(">BxxxI")  # of the engine: 1 = stdout, 2 = stderr; size
_MAX_ERRORS = 4096  # bytes kept of what the server prints to stderr


class Stream(Protocol):
    """A two-way stream of bytes."""

    def send(self, data: bytes) -> None:
        """Send all of *data*."""
        ...

    def receive(self, seconds: float) -> bytes:
        """Return what has arrived, b"" at the end; TimeoutError after *seconds*."""
        ...

    def describe_end(self) -> str:
        """Return what the other side said on stderr, for an error message."""
        ...

    def close(self) -> None:
        """Close the stream, which ends the server."""
        ...


class Channel:
    """Sends one request at a time to a shell server and returns its reply."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._received = bytearray()
        self._send_lock = threading.Lock()

    def call(
        self,
        name: str,
        payload: bytes = b"",
        *,
        seconds: float = REPLY_SECONDS,
        watch: Callable[[], bool] | None = None,
        fields: dict[str, Any] | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        """Return the reply to the request *name* and its payload.

        Args:
            name: Name of a method `do_<name>` of the server.
            payload: Bytes that go with the request.
            seconds: Until the server counts as gone.
            watch: Called every two seconds; True = all processes of the sandbox shall be killed.
            fields: Arguments of the request.

        Raises:
            SandboxError: The server has ended, does not answer, or failed.
        """
        deadline = time.monotonic() + seconds
        try:
            self.send(name, payload, fields or {})
            return self._read_reply(deadline, watch)
        except TimeoutError as error:
            raise SandboxError("the sandbox does not answer any more") from error
        except OSError as error:
            raise SandboxError(f"the connection to the sandbox was lost: {error}") from error

    def read_reply(self) -> tuple[dict[str, Any], bytes]:
        """Return the next reply, whenever it comes. Raises SandboxError if the server has ended."""
        try:
            return self._read_reply(math.inf, None)
        except OSError as error:
            raise SandboxError(f"the connection to the sandbox was lost: {error}") from error

    def close(self) -> None:
        """Close the connection; the server then ends all processes and itself."""
        self._stream.close()

    def send(self, name: str, payload: bytes, fields: dict[str, Any]) -> None:
        """Send a request. Raises OSError."""
        header = json.dumps(fields | {"do": name, "size": len(payload)}).encode()
        with self._send_lock:
            self._stream.send(_HEADER.pack(len(header)) + header + payload)

    def _read_reply(
        self, deadline: float, watch: Callable[[], bool] | None
    ) -> tuple[dict[str, Any], bytes]:
        size = _HEADER.unpack(self._read(4, deadline, watch))[0]
        reply = json.loads(self._read(size, deadline, watch))
        content = self._read(reply["size"], deadline, watch)
        if "error" in reply:
            raise SandboxError(f"the sandbox failed: {reply['error']}")
        return reply, content

    def _read(self, size: int, deadline: float, watch: Callable[[], bool] | None) -> bytes:
        while len(self._received) < size:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            try:
                data = self._stream.receive(min(remaining, 2.0 if watch else 3600.0))
            except TimeoutError:
                if watch and watch():
                    self.send("abort", b"", {})
                    watch = None
                continue
            if not data:
                raise SandboxError(f"the sandbox has ended: {self._stream.describe_end()}")
            self._received += data
        found = bytes(self._received[:size])
        del self._received[:size]
        return found


class SocketStream:
    """A socket whose other end is the server's stdin and stdout."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, data: bytes) -> None:
        """Send all of *data*."""
        self.connection.settimeout(REPLY_SECONDS)
        self.connection.sendall(data)

    def receive(self, seconds: float) -> bytes:
        """Return what has arrived, b"" at the end; TimeoutError after *seconds*."""
        self.connection.settimeout(seconds)
        return self.connection.recv(1 << 20)

    def describe_end(self) -> str:
        """Return nothing: stderr is not connected."""
        return "it was killed, or has failed"

    def close(self) -> None:
        """Close the socket."""
        self.connection.close()


class AttachedStream(SocketStream):
    """The engine's connection to a container, which carries stdout and stderr in blocks."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self._raw = bytearray()
        self._errors = bytearray()

    def receive(self, seconds: float) -> bytes:
        """Return what has arrived on stdout, b"" at the end; TimeoutError after *seconds*."""
        deadline = time.monotonic() + seconds
        while True:
            found = self._take_blocks()
            if found:
                return found
            data = super().receive(max(deadline - time.monotonic(), 0.001))
            if not data:
                return b""
            self._raw += data

    def describe_end(self) -> str:
        """Return the last line of stderr."""
        lines = self._errors.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it was killed or removed"

    def _take_blocks(self) -> bytes:
        found = bytearray()
        while len(self._raw) >= _STREAM_HEADER.size:
            kind, size = _STREAM_HEADER.unpack_from(self._raw)
            end = _STREAM_HEADER.size + size
            if len(self._raw) < end:
                break
            content = self._raw[_STREAM_HEADER.size : end]
            if kind == 2:
                self._errors = (self._errors + content)[-_MAX_ERRORS:]
            else:
                found += content
            del self._raw[:end]
        return bytes(found)
