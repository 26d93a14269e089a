"""A long-lived git process that answers one request after another."""

import contextlib
import fcntl
import select
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from builders.git.run import GitCommandError, hermetic_env

_PIPE_BYTES = 1 << 20


class GitProcess:
    """One `git` child with pipes; started when first asked, started again after it died."""

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        self._path = path
        self._arguments = tuple(arguments)
        self._child: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._writer: threading.Thread | None = None

    def write_requests(self, requests: bytes) -> None:
        """Write *requests* beside the reading of answers, so that neither pipe can fill for good.

        All earlier answers must have been read: then few bytes always find room and need no
        thread. An already dead child shows at the next read.
        """
        stdin = self._ensure_running().stdin
        assert stdin is not None
        self._wait_for_writer()
        if len(requests) <= select.PIPE_BUF:
            _write_requests(stdin, requests)
            return
        self._writer = threading.Thread(target=_write_requests, args=(stdin, requests), daemon=True)
        self._writer.start()

    @property
    def stdout(self) -> IO[bytes]:
        """Buffered standard output of the running child."""
        stdout = self._ensure_running().stdout
        assert stdout is not None
        return stdout

    def collect_failure(self) -> GitCommandError:
        """Bury the child that broke off its answer and say why it did."""
        child, stderr = self._child, self._stderr
        assert child is not None and stderr is not None
        child.kill()
        code = child.wait()
        stderr.seek(0)
        failure = GitCommandError(self._arguments, code, stderr.read())
        self.close()
        return failure

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            self._wait_for_writer()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    _close_quietly(pipe)
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def _wait_for_writer(self) -> None:
        if self._writer is not None:
            self._writer.join()
            self._writer = None

    def _ensure_running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the child)
            self._child = subprocess.Popen(
                ["git", f"--git-dir={self._path}", *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=hermetic_env(),
            )
            _widen_pipe(self._child.stdout)
        return self._child


def _widen_pipe(pipe: IO[bytes] | None) -> None:
    """Let git run ahead of us by more than the usual 64 KiB, where the system allows it."""
    widen = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only
    if pipe is not None and widen is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, widen, _PIPE_BYTES)


def _write_requests(pipe: IO[bytes], requests: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.write(requests)
        pipe.flush()


def _close_quietly(pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.close()
