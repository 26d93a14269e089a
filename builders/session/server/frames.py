"""Requests on stdin, replies on stdout."""

import json
import os
import struct
from typing import Any


def read_frame() -> "tuple[Any, bytes]":
    """Return the next request and its payload; EOFError at the end."""
    size = struct.unpack(">I", read_exactly(4))[0]
    request = json.loads(read_exactly(size).decode())
    return request, read_exactly(request.get("size", 0))


def read_exactly(size: int) -> bytes:
    """Return *size* bytes of stdin."""
    data = bytearray()
    while len(data) < size:
        chunk = os.read(0, min(size - len(data), 1 << 20))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)


def write_frame(reply: Any, content: bytes) -> None:
    """Write a reply and its payload to stdout."""
    header = json.dumps(dict(reply, size=len(content))).encode()
    view = memoryview(struct.pack(">I", len(header)) + header + content)
    while view:
        view = view[os.write(1, view[: 1 << 20]) :]
