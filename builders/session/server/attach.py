"""A command with an input and outputs of its own: a person's shell, or a script's command."""

import fcntl
import os
import select
import signal
import struct
import termios
from contextlib import suppress
from typing import Any

from curate.builders.session.server.frames import read_frame, write_frame
from curate.builders.session.server.processes import signal_group
from curate.builders.session.server.shell import BLOCK, become_user

STDOUT, STDERR = 1, 2


class Attached:
    """A command, and the caller's half of its terminal or pipes."""

    def __init__(self, config: Any, request: Any) -> None:
        self.exit_code: Any = None  # once it has ended
        self.pending = bytearray()  # input that it has not taken yet
        self.is_input_over = False
        if request["terminal"]:
            self.input, terminal = os.openpty()
            resize(self.input, request)
            ends = (terminal, terminal, terminal)
            self.outputs = {self.input: STDOUT}
        else:
            reading, self.input = os.pipe()
            output, output_end = os.pipe()
            errors, errors_end = os.pipe()
            ends = (reading, output_end, errors_end)
            self.outputs = {output: STDOUT, errors: STDERR}
        self.has_terminal = request["terminal"]
        self.pid = os.fork()
        if not self.pid:
            try:
                os.setsid()
                if self.has_terminal:
                    fcntl.ioctl(ends[0], termios.TIOCSCTTY, 0)
                for number, end in enumerate(ends):
                    os.dup2(end, number)
                become_user(config)
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                os.execvpe(request["command"][0], request["command"], request["variables"])
            except OSError as error:
                os.write(2, ("%s: %s\n" % (request["command"][0], error.strerror)).encode())
            finally:
                os._exit(127)
        for end in set(ends):
            os.close(end)
        for fd in (self.input, *self.outputs):
            os.set_blocking(fd, False)

    def take_request(self) -> None:
        """Do what the caller asks: more input, its end, another size, or to hang up."""
        request, payload = read_frame()
        if request["do"] == "input":
            self.pending += payload
            self.is_input_over = self.is_input_over or not payload
        elif request["do"] == "resize" and self.has_terminal:
            resize(self.input, request)
        elif request["do"] == "abort":
            signal_group(self.pid, signal.SIGKILL)

    def write_input(self) -> None:
        """Pass on input; what the command does not take is lost once it has ended."""
        try:
            del self.pending[: os.write(self.input, self.pending[:BLOCK])]
        except BlockingIOError:
            return
        except OSError:
            self.pending.clear()

    def pass_output(self, fd: int) -> bool:
        """Pass on what is there; return whether there was anything."""
        try:
            data = os.read(fd, BLOCK)
        except OSError:
            return False
        if data:
            write_frame({"stream": self.outputs[fd]}, data)
        return bool(data)

    def close_input_if_over(self) -> None:
        """Close the pipe of the input at its end; a terminal stays open."""
        if self.is_input_over and not self.pending and not self.has_terminal and self.input >= 0:
            os.close(self.input)
            self.input = -1

    def close(self) -> None:
        """Close the descriptors."""
        for fd in {self.input, *self.outputs}:
            if fd >= 0:
                os.close(fd)


def serve_attached(attached: Attached, woken: int, reap: Any) -> int:
    """Pass input and output on until the command ends; return its exit code.

    Args:
        attached: The command.
        woken: Descriptor that is readable when a process has ended.
        reap: Function that collects ended processes and sets the exit code.
    """
    while attached.exit_code is None:
        writable = [attached.input] if attached.pending and attached.input >= 0 else []
        watched = [0, woken, *attached.outputs]
        ready, ready_for_input, _ = select.select(watched, writable, [], None)
        if 0 in ready:
            attached.take_request()
        if ready_for_input:
            attached.write_input()
        attached.close_input_if_over()
        for fd in [fd for fd in attached.outputs if fd in ready]:
            if not attached.pass_output(fd) and not attached.has_terminal:
                os.close(fd)
                del attached.outputs[fd]
        reap()
    for fd in attached.outputs:
        while attached.pass_output(fd):
            pass
    return int(attached.exit_code)


def resize(terminal: int, request: Any) -> None:
    """Let the terminal have the `rows` and `columns` of *request*."""
    size = struct.pack("HHHH", request["rows"], request["columns"], 0, 0)
    with suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
