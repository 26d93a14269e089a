"""Keep a shell in a sandbox and run commands in it.

    python -IS main.py CONFIG

CONFIG is a JSON object. Requests come on stdin, replies go to stdout: 4 bytes of length, a JSON
object, and as many bytes as its `size` says. The script ends at the end of stdin, and all processes
of the sandbox with it. Nothing that a command prints is taken for the end of a command: the shell
tells that on a pipe which its commands do not get.

It is copied into containers as text: standalone, Python 3.6 and later.
"""

import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from curate.builders.session.server.as_user import run_as_user
from curate.builders.session.server.attach import Attached, serve_attached
from curate.builders.session.server.files import (
    copy_folders,
    list_checkout,
    pack_files,
    put_folders_back,
)
from curate.builders.session.server.frames import read_frame, write_frame
from curate.builders.session.server.output import Buffer
from curate.builders.session.server.processes import (
    describe_end,
    find_descendants,
    find_reached,
    find_remains,
    read_limit_counts,
    signal_process,
)
from curate.builders.session.server.shell import (
    BLOCK,
    LOAD,
    NO_STATE,
    RUN,
    STATE,
    Shell,
)

PATIENCE = 2.0  # seconds that an interrupted command may take to end before it is killed
PAUSE = 0.25  # seconds between attempts to kill it
STATE_SECONDS = 5.0  # that the shell may take to tell its state


class Server:
    """Answers requests, one after the other."""

    def __init__(self, config: Any) -> None:
        self.config = config
        self.buffer = Buffer()
        self.status = 0  # exit code of the command before
        self.attached: Any = None  # an `Attached`, while there is one
        self.shell: Any = None  # a `Shell`, once there is one
        self.output, self.output_end = os.pipe()
        os.set_blocking(self.output, False)
        with suppress(OSError):
            fcntl.fcntl(self.output, 1031, 1 << 20)  # F_SETPIPE_SZ
        self.woken, waker = os.pipe()
        for fd in (self.woken, waker):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker)
        with suppress(Exception):
            ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
            ctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE: no process may look into this one

    def serve(self) -> None:
        """Answer requests until stdin ends; then end all processes."""
        try:
            while True:
                while 0 not in self.wait([0], None):
                    self.reap()
                request, payload = read_frame()
                try:
                    reply, content = getattr(self, "do_" + request["do"])(request, payload)
                except (OSError, shutil.Error) as error:
                    reply, content = {"error": str(error)}, b""
                write_frame(reply, content)
        except EOFError:
            self.end_processes()

    def do_start(self, request: Any, payload: bytes) -> "tuple[Any, bytes]":
        """End all processes and start a shell, in the state of the payload."""
        self.end_processes()
        self.buffer.take(0)
        self.config["variables"].update(request.get("variables", {}))
        self.status = 0
        self.start_shell(payload)
        return {}, b""

    def do_run(self, request: Any, payload: bytes) -> "tuple[Any, bytes]":
        """Run the command of the payload."""
        limit = request["limit"]
        started = time.monotonic()
        new_shell = "" if self.shell and self.shell.exit_code is None else "the shell had ended"
        if new_shell:
            self.start_shell(b"")
        counts = read_limit_counts()
        self.shell.load(payload, RUN, self.status)
        message, timed_out = self.await_message(request["seconds"], interrupt=True)
        self.drain()
        seconds = time.monotonic() - started
        reached = find_reached(counts, read_limit_counts())
        if reached == "out-of-pids":  # no command could be started any more
            new_shell = "the limit of processes was reached, and all were ended"
            self.end_processes()
            message = None
        elif message is None:
            new_shell = describe_end(self.shell.exit_code)
        if message is None:
            self.status = 0
            self.start_shell(b"")
        else:
            self.status = int(message)
        data, total = self.buffer.take(limit)
        code = None if message is None or timed_out else self.status
        reply = {"code": code, "seconds": seconds, "timed_out": timed_out, "total": total}
        return dict(reply, new_shell=new_shell, reached=reached), data

    def do_attach(self, request: Any, _payload: bytes) -> "tuple[Any, bytes]":
        """Run a command with a terminal or pipes of its own."""
        variables = dict(self.config["variables"], **request.get("variables", {}))
        self.attached = Attached(self.config, dict(request, variables=variables))
        try:
            return {"code": serve_attached(self.attached, self.woken, self.reap)}, b""
        finally:
            self.attached.close()
            self.attached = None

    def do_state(self, request: Any, _payload: bytes) -> "tuple[Any, bytes]":
        """Tell the state of the shell, and how many other processes there are; `stop` them all."""
        if self.shell is None or self.shell.exit_code is not None:
            self.start_shell(b"")
        self.shell.feed(STATE.encode())
        message, _ = self.await_message(STATE_SECONDS)
        lines = (message or b"").splitlines(keepends=True)
        state = b"".join(line for line in lines if not NO_STATE.fullmatch(line))
        pids = find_descendants()
        for pid in pids if request["stop"] else ():
            signal_process(pid, signal.SIGSTOP)
        return {"others": len(pids) - 1}, state

    def do_signal(self, request: Any, _payload: bytes) -> "tuple[Any, bytes]":
        """Send a signal to all processes but this one: to stop, or to continue."""
        for pid in find_descendants():
            signal_process(pid, request["number"])
        return {}, b""

    def do_end(self, _request: Any, _payload: bytes) -> "tuple[Any, bytes]":
        """End all processes; tell whether they left anything outside of the files."""
        self.end_processes()
        return {"clean": not find_remains()}, b""

    def do_list(self, _request: Any, _payload: bytes) -> "tuple[Any, bytes]":
        """List the files of the checkout: mode, digest and path of each."""
        return {}, run_as_user(
            self.config, lambda: b"".join(list_checkout(self.config["checkout"]))
        )

    def do_read(self, _request: Any, payload: bytes) -> "tuple[Any, bytes]":
        """Return the content of files of the checkout, each after its length."""
        checkout = os.fsencode(self.config["checkout"])
        paths = [path for path in payload.split(b"\0") if path]
        return {}, run_as_user(self.config, lambda: b"".join(pack_files(checkout, paths)))

    def do_copy(self, request: Any, _payload: bytes) -> "tuple[Any, bytes]":
        """Copy the folders of the configuration to a place called `name`."""
        place = os.path.join(self.config["copies"], request["name"])
        run_as_user(self.config, lambda: copy_folders(self.config["copied"], place))
        return {}, b""

    def do_put_back(self, request: Any, _payload: bytes) -> "tuple[Any, bytes]":
        """Put the folders back as the copy `name` has them."""
        place = os.path.join(self.config["copies"], request["name"])
        run_as_user(self.config, lambda: put_folders_back(place, self.config["copied"]))
        return {}, b""

    def start_shell(self, state: bytes) -> None:
        """Start a shell in place of the one before, which has ended."""
        if self.shell:
            self.shell.close()
        self.shell = Shell(self.config, self.output_end)
        self.shell.load(state, LOAD)
        self.await_message(STATE_SECONDS)

    def await_message(
        self, seconds: float, *, interrupt: bool = False
    ) -> "tuple[bytes | None, bool]":
        """Return what the shell tells, None if it ends first, and whether it was interrupted."""
        deadline, attempt = time.monotonic() + seconds, 0
        while True:
            remaining = deadline - time.monotonic()
            watched = [self.shell.control, 0] if interrupt else [self.shell.control]
            ready = self.wait(watched, max(remaining, 0))
            if 0 in ready:  # the caller gives up, or has ended
                read_frame()
                self.kill_processes()
            self.reap()
            message = self.shell.read_message() if ready else None
            if message is not None or self.shell.exit_code is not None:
                return message, attempt > 0
            if remaining <= 0:
                if not interrupt:
                    signal_process(self.shell.pid, signal.SIGKILL)
                self.shell.interrupt(attempt)
                deadline = time.monotonic() + (PAUSE if attempt else PATIENCE)
                attempt += 1

    def wait(self, files: "list[int]", seconds: "float | None") -> "list[int]":
        """Return which of *files* are ready; keep what is printed meanwhile."""
        watched = [*files, self.output, self.woken]
        if self.shell:
            watched.append(self.shell.terminal)
        ready = select.select(watched, [], [], seconds)[0]
        if self.output in ready:
            self.read_output(self.output, 16)
        if (
            self.shell
            and self.shell.terminal in ready
            and not self.read_output(self.shell.terminal, 16)
        ):
            time.sleep(0.001)  # nobody has the terminal open any more
        return ready

    def drain(self) -> None:
        """Read what was printed until now."""
        for fd in (self.output, self.shell.terminal):
            self.read_output(fd, 1 << 10)

    def read_output(self, fd: int, blocks: int) -> bool:
        """Read at most so many blocks; return whether there was anything."""
        for count in range(blocks):
            try:
                data = os.read(fd, BLOCK)
            except OSError:
                return count > 0
            self.buffer.add(data)
        return True

    def reap(self) -> None:
        """Collect processes that have ended."""
        with suppress(BlockingIOError):
            os.read(self.woken, BLOCK)
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                for process in (self.shell, self.attached):
                    if process and pid == process.pid:
                        process.exit_code = code

    def end_processes(self) -> None:
        """Kill all processes but this one, and wait until they are gone."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if not self.kill_processes():
                break
            time.sleep(0.0005)
            self.reap()
        else:
            raise OSError("processes of the sandbox do not end")
        if self.shell:
            self.shell.close()
            self.shell = None
        self.read_output(self.output, 1 << 10)

    def kill_processes(self) -> int:
        """Kill all processes but this one; return how many there were."""
        if os.getpid() == 1:  # all at once, or some could fork faster than they are found
            signal_process(-1, signal.SIGKILL)
        pids = find_descendants()
        for pid in pids:
            signal_process(pid, signal.SIGKILL)
        return len(pids)


def main() -> None:
    """Serve by the configuration of the command line."""
    Server(json.loads(sys.argv[1])).serve()


if __name__ == "__main__":
    main()
