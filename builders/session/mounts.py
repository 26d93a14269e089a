"""Where overlays can be mounted in containers, and the process that does it."""

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from curate.builders.errors import SandboxError
from curate.builders.process.interrupt import DETACHED_VARIABLE
from curate.builders.session import mount_server

TARGET = "/curate/root"  # in the container: root folder of the shell


class Mounter:
    """Asks `mount_server`, which is started at the first mount, one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def mount(self, pid: int, lower: Sequence[Path], upper: Path, work: Path) -> None:
        """Mount an overlay at `TARGET` of the container of process *pid*, instead of the last.

        Raises:
            SandboxError: The kernel refuses it; the message says why.
        """
        request = {
            "pid": pid,
            "target": TARGET,
            "lower": [str(folder) for folder in lower],
            "upper": str(upper),
            "work": str(work),
        }
        problem = self._ask(json.dumps(request).encode() + b"\n")
        if problem:
            raise SandboxError(f"the files of the sandbox cannot be mounted: {problem}")

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process:
                with suppress(OSError):
                    cast(IO[bytes], self._process.stdin).close()
                self._process.wait()
                self._process = None

    def _ask(self, request: bytes) -> str:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = _start_process()
            stdin, stdout = self._process.stdin, self._process.stdout
            assert stdin and stdout
            with suppress(BrokenPipeError):
                stdin.write(request)
                stdin.flush()
            answer = stdout.readline()
        return str(json.loads(answer)) if answer else "the process that mounts has ended"


def _start_process() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-IS", mount_server.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {DETACHED_VARIABLE: str(os.getpid())},
    )


mounter = Mounter()
atexit.register(mounter.close)
