"""Run a command of a build with a time limit, and stop it when the disk is too full."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from curate.builders.errors import BuilderError
from curate.builders.model import Failure

LOG_TAIL = 8000  # characters of a log that a Failure keeps
WATCH_INTERVAL = 1.0  # seconds
TERMINATE_TIMEOUT = 10.0  # seconds between SIGTERM and SIGKILL


def run_command(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    watch: Callable[[], None],
    seconds: float = 3600.0,
    cwd: Path | None = None,
) -> tuple[int, str] | Failure:
    """Run *command* and return its exit code and log.

    Args:
        command: Program and arguments.
        env: All variables of the process.
        watch: Called every `WATCH_INTERVAL` seconds; an exception it raises stops the command.
        seconds: The time limit.
        cwd: Working directory.

    Returns:
        Exit code and combined output, or a `Failure` "timeout" after *seconds*.

    Raises:
        BuilderError: The command cannot be started.
    """
    try:
        process = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise BuilderError(f"cannot run {command[0]}: {error}") from error
    try:
        log = _wait_and_watch(process, seconds, watch)
    except subprocess.TimeoutExpired as expired:
        _stop_process(process)
        message = (expired.output or b"").decode(errors="replace")
        detail = message[-LOG_TAIL:]
        return Failure(stage="build", reason="timeout", detail=detail, log=message)
    except BaseException:
        _stop_process(process)
        raise
    return process.returncode, log.decode(errors="replace")


def _wait_and_watch(
    process: subprocess.Popen[bytes], seconds: float, watch: Callable[[], None]
) -> bytes:
    """Wait for *process* to end, calling *watch* meanwhile, and return its output."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            log, _ = process.communicate(timeout=min(WATCH_INTERVAL, seconds))
            return log
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise
        watch()


def _stop_process(process: subprocess.Popen[bytes]) -> None:
    """Terminate *process*, so that it can cancel its build, then kill it with its children."""
    with suppress(psutil.NoSuchProcess):
        descendants = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=TERMINATE_TIMEOUT)
        for descendant in descendants:
            with suppress(psutil.NoSuchProcess):
                descendant.kill()
    process.kill()
    process.wait()
