"""Programs that are asked something short: a failure, and one that hangs, is a value."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CommandAnswer:
    """What a program said; `code` is None if it could not be started or did not end."""

    code: int | None
    output: str = ""
    errors: str = ""

    @property
    def last_line(self) -> str:
        """The last line of its errors, else of its output."""
        lines = (self.errors.strip() or self.output.strip()).splitlines()
        return lines[-1].strip() if lines else ""


def ask_command(
    command: Sequence[str], environment: Mapping[str, str], seconds: float
) -> CommandAnswer:
    """Run *command* in a process group of its own, which is killed after *seconds*."""
    try:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return CommandAnswer(code=None, errors=error.strerror or str(error))
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return CommandAnswer(code=None, errors=f"no answer within {seconds:.0f} s")
    return CommandAnswer(code=process.returncode, output=output, errors=errors)
