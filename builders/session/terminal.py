"""The user's terminal or pipes, to which a command in a sandbox is connected."""

import os
import select
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

SendRequest = Callable[[str, bytes, dict[str, Any]], None]  # its name, payload and fields
_BLOCK = 1 << 16


class Terminal:
    """stdin, stdout and stderr of this process; *is_interactive* passes on a real terminal."""

    def __init__(self, *, is_interactive: bool) -> None:
        self.is_interactive = is_interactive

    def describe(self) -> dict[str, Any]:
        """Return the fields of a request that say what the command is to be connected to."""
        size = shutil.get_terminal_size()
        fields: dict[str, Any] = {"terminal": self.is_interactive, "rows": size.lines}
        variables = {"TERM": os.environ.get("TERM", "dumb")} if self.is_interactive else {}
        return fields | {"columns": size.columns, "variables": variables}

    @contextmanager
    def connected(self, send: SendRequest) -> Iterator[None]:
        """Send what is typed, and the size of the terminal when it changes."""
        waking, stopper = os.pipe()
        thread = threading.Thread(target=_send_input, args=(send, waking), daemon=True)
        with self._raw_mode(send):
            thread.start()
            try:
                yield
            finally:
                os.close(stopper)
                thread.join(1)
                os.close(waking)

    def write(self, stream: int, data: bytes) -> None:
        """Write what the command has printed to stdout (1) or stderr (2)."""
        view = memoryview(data)
        while view:
            view = view[os.write(stream, view) :]

    @contextmanager
    def _raw_mode(self, send: SendRequest) -> Iterator[None]:
        """Let the keys go to the sandbox's terminal, Ctrl-C too."""
        if not self.is_interactive:
            yield
            return

        def resize(*_: object) -> None:
            with suppress(OSError):
                send("resize", b"", self.describe())

        fd = sys.stdin.fileno()
        before, handler = termios.tcgetattr(fd), signal.getsignal(signal.SIGWINCH)
        tty.setraw(fd)
        signal.signal(signal.SIGWINCH, resize)
        try:
            yield
        finally:
            signal.signal(signal.SIGWINCH, handler)
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _send_input(send: SendRequest, waking: int) -> None:
    """Send stdin until its end, or until *waking* is closed on its other side."""
    try:
        stdin = sys.stdin.fileno()
        while True:
            ready = select.select([stdin, waking], [], [])[0]
            if waking in ready:
                return
            data = os.read(stdin, _BLOCK)
            send("input", data, {})
            if not data:
                return
    except (OSError, ValueError):  # stdin is closed, or the sandbox is gone
        with suppress(OSError):
            send("input", b"", {})
