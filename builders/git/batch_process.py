"""A long-running git process that answers a stream of requests."""

import contextlib
import fcntl
import select
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from curate.builders.git.run import GitCommandError, hermetic_env, require_access

_PIPE_BYTES = 1 << 20


class GitProcess:
    """A git child process with pipes; started at first use, and restarted after it died."""

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        require_access(path)
        self._path = path
        self._arguments = tuple(arguments)
        self._child: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._writer: threading.Thread | None = None

    def write_requests(self, requests: bytes) -> None:
        """Write *requests* while the caller reads the answers, so that full pipes cannot deadlock.

        All earlier answers must have been read: then up to PIPE_BUF bytes fit into the pipe and
        need no thread. A child that died is noticed at the next read.
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
        """Clean up the child that died within an answer and return the error that explains it."""
        child, stderr = self._child, self._stderr
        assert child is not None and stderr is not None
        child.kill()
        code = child.wait()
        stderr.seek(0)
        failure = GitCommandError(self._arguments, code, stderr.read())
        self.close()
        return failure

    def close(self) -> None:
        """Stop the child process, if there is one."""
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
    """Enlarge the pipe's buffer from the usual 64 KiB, where the system allows it."""
    set_pipe_size = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only
    if pipe is not None and set_pipe_size is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, set_pipe_size, _PIPE_BYTES)


def _write_requests(pipe: IO[bytes], requests: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.write(requests)
        pipe.flush()


def _close_quietly(pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.close()
