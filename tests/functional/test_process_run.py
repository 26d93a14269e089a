"""Commands of builds: their ends, and what ends them."""

import os
import sys
import time
from pathlib import Path

import pytest

from curate.builders.errors import BuilderError, DiskFullError
from curate.builders.model import Failure
from curate.builders.process.run import run_command
from tests.functional.test_temp_dirs import alive

# Says who it is and its child are, and that it was asked to end.
STUBBORN = (
    "trap 'echo asked' TERM; sleep 600 & echo $! $$ > pids; "
    "while ! wait; do :; done; while :; do sleep 0.1; done"
)


def quiet() -> None:
    """Watches and finds nothing."""


def test_exit_code_and_log(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo out; echo err >&2; pwd; exit 3"]
    ended = run_command(command, env=os.environ, watch=quiet, cwd=tmp_path)
    assert ended == (3, f"out\nerr\n{tmp_path}\n")


def test_longer_than_the_log_of_a_pipe_and_the_pause_of_the_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("curate.builders.process.run.WATCH_INTERVAL", 0.01)
    code = "import time; print('x' * 200_000); time.sleep(0.2); print('y')"
    ended = run_command([sys.executable, "-c", code], env=os.environ, watch=quiet)
    assert ended == (0, "x" * 200_000 + "\ny\n")


def test_time_limit_is_a_value_with_what_was_said() -> None:
    command = ["sh", "-c", "echo so far; exec sleep 600"]
    ended = run_command(command, env=os.environ, watch=quiet, seconds=0.3)
    assert isinstance(ended, Failure)
    assert (ended.reason, ended.detail) == ("timeout", "so far\n")


def test_what_the_watch_raises_ends_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.builders.process.run.WATCH_INTERVAL", 0.01)
    monkeypatch.setattr("curate.builders.process.run.TERMINATE_TIMEOUT", 0.3)

    def watch() -> None:
        if (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().endswith("\n"):
            raise DiskFullError("full")

    with pytest.raises(DiskFullError):
        run_command(["sh", "-c", STUBBORN], env=os.environ, watch=watch, cwd=tmp_path)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def test_what_cannot_be_run() -> None:
    with pytest.raises(BuilderError, match="no-such-command"):
        run_command(["no-such-command"], env=os.environ, watch=quiet)
