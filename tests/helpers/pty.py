"""A curate command on a terminal of its own, so that one sees what a user would see."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from tests.demo.sample import ROOT

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_STEP = re.compile(r"([\w.-]+__[\w.-]+-\d+): ([a-z]+(?: [a-z]+)*(?: \d+(?: of \d+)?)?)")
_FINISHED = re.compile(r"^([+?-]) ([\w.-]+__[\w.-]+-\d+): ", re.MULTILINE)


class Watched:
    """A process group of its own whose last step can be read at any time."""

    def __init__(self, arguments: list[str], variables: Mapping[str, str]) -> None:
        ours, theirs = pty.openpty()
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "curate", *arguments],
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "300", **variables},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._said = bytearray()
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.began

    @property
    def said(self) -> str:
        """All that was shown, without colours and movements."""
        text = bytes(self._said).decode("utf-8", "replace").replace("\r", "\n")
        return _CONTROL.sub("", text)

    @property
    def step(self) -> str:
        """What was last shown to be under way, "" before the first step."""
        found = _STEP.findall(self.said)
        return f"{found[-1][0].split('__')[1]}: {found[-1][1]}" if found else ""

    @property
    def finished(self) -> list[str]:
        """Ids of the candidates whose verdict was shown."""
        return [name for sign, name in _FINISHED.findall(self.said) if sign != "?"]

    def wait_for(self, holds: Callable[[str], bool], seconds: float = 600) -> bool:
        """Wait until *holds* of the step; False if the command ended before."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            if holds(self.step):
                return True
            time.sleep(0.02)
        return False

    def kill(self) -> None:
        """End the whole group as the kernel would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = 1800) -> int:
        """The exit code, once all is read."""
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def _read(self, ours: int) -> None:
        with suppress(OSError):  # the other end is closed
            while chunk := os.read(ours, 1 << 16):
                self._said += chunk
        os.close(ours)
