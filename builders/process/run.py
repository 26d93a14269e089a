"""A command of a build: run to its end, to its time limit, or until the disk is too full."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from builders.errors import BuilderError
from builders.model import Failure

LOG_TAIL = 8000  # characters of a log that a Failure keeps
WATCH_INTERVAL = 1.0
TERMINATE_TIMEOUT = 10.0  # until what is asked to end is killed


def run_command(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    watch: Callable[[], None],
    seconds: float = 3600.0,
    cwd: Path | None = None,
) -> tuple[int, str] | Failure:
    """Exit code and log of *command*; a `Failure` if it goes on for more than *seconds*.

    *watch* is called every WATCH_SECONDS; what it raises ends the command, and so does an
    interrupt. Raises BuilderError if it cannot be started.
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
        raise BuilderError(f"{command[0]} cannot be run: {error}") from error
    try:
        log = _wait_and_watch(process, seconds, watch)
    except subprocess.TimeoutExpired as expired:
        _stop_process(process)
        message = (expired.output or b"").decode(errors="replace")
        return Failure(stage="build", reason="timeout", detail=message[-LOG_TAIL:])
    except BaseException:
        _stop_process(process)
        raise
    return process.returncode, log.decode(errors="replace")


def _wait_and_watch(
    process: subprocess.Popen[bytes], seconds: float, watch: Callable[[], None]
) -> bytes:
    """All that *process* says until it ends."""
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
    """Ask *process* to end, so that it tells an engine, and then kill it with its children."""
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=TERMINATE_TIMEOUT)
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
    process.kill()
    process.wait()
