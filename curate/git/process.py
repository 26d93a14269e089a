"""A long-lived git process that answers one request after another."""

import contextlib
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from curate.git.command import GitFailed, reading_environment


class GitProcess:
    """One `git` child with pipes; started when first asked, started again after it died."""

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        self._path = path
        self._arguments = tuple(arguments)
        self._child: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None

    def send(self, request: bytes) -> None:
        """Write *request* whole; an already dead child shows at the next read."""
        stdin = self._running().stdin
        assert stdin is not None
        with contextlib.suppress(BrokenPipeError):
            stdin.write(request)
            stdin.flush()

    @property
    def answers(self) -> IO[bytes]:
        """Buffered standard output of the running child."""
        stdout = self._running().stdout
        assert stdout is not None
        return stdout

    def failed(self) -> GitFailed:
        """Bury the child that broke off its answer and say why it did."""
        child, stderr = self._child, self._stderr
        assert child is not None and stderr is not None
        child.kill()
        code = child.wait()
        stderr.seek(0)
        failure = GitFailed(self._arguments, code, stderr.read())
        self.close()
        return failure

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    _close_quietly(pipe)
            child.kill()
            child.wait()
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the child)
            self._child = subprocess.Popen(
                ["git", f"--git-dir={self._path}", *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=reading_environment(),
            )
        return self._child


def _close_quietly(pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.close()
