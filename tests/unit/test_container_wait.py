"""Waiting for containers and bringing their end about, against an engine that is a list."""

import os
from pathlib import Path
from typing import Any

import pytest
import requests
from urllib3.exceptions import ReadTimeoutError

from curate.builders.errors import SandboxError
from curate.builders.model import ResourceLimits
from curate.builders.sandbox import wait
from curate.builders.sandbox.wait import StopReason, wait_for_exit
from tests.helpers.fakes import UNUSED, fake

LATE = requests.exceptions.ConnectionError(ReadTimeoutError(UNUSED, "", "Read timed out."))
GONE = requests.exceptions.ConnectionError("Connection aborted.", ConnectionResetError())


class Engine:
    """A client and its one container: what each wait and each look at the disk gives."""

    def __init__(self, waits: list[Any], looks: list[Any]) -> None:
        self.waits, self.looks = waits, looks
        self.id = self.name = "c"
        self.killed = False
        self.status = "running"
        self.attrs = {"State": {"Pid": os.getpid()}}
        self.api = fake(containers=lambda size, filters: _next(self.looks))

    def wait(self, timeout: float) -> None:
        self.status = "exited" if self.killed else _next(self.waits) or "exited"

    def reload(self) -> None:
        pass

    def kill(self) -> None:
        self.killed = True


def _next(answers: list[Any]) -> Any:
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


def ended(engine: Engine, limits: ResourceLimits, disk: Path | None = None) -> StopReason:
    client: Any = engine
    return wait_for_exit(client, client, limits, disk)


def test_inodes_that_run_out_are_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = fake(f_files=1000, f_favail=39)
    monkeypatch.setattr(os, "statvfs", lambda folder: few)
    with pytest.raises(SandboxError, match="inodes"):
        ended(Engine([LATE], [size(0)]), ResourceLimits(), tmp_path)
    few.f_favail = 41
    ours = Engine([LATE, None], [size(0)])
    assert ended(ours, ResourceLimits(), tmp_path) is StopReason.EXITED
    few.f_files = 0  # a file system that counts none
    ours = Engine([LATE, None], [size(0)])
    assert ended(ours, ResourceLimits(), tmp_path) is StopReason.EXITED


def size(count: int) -> list[dict[str, int]]:
    return [{"SizeRw": count}]


def test_an_end_of_its_own() -> None:
    engine = Engine([LATE, LATE, None], [size(9), []])
    assert ended(engine, ResourceLimits(disk_bytes=10)) is StopReason.EXITED
    assert not engine.killed


@pytest.mark.parametrize("status", ["running", "stopping", "created"])
def test_an_engine_that_answers_before_the_end(status: str) -> None:
    engine = Engine([status, LATE, status, None], [size(0)])
    assert ended(engine, ResourceLimits()) is StopReason.EXITED
    assert engine.status == "exited" and engine.waits == [None]


@pytest.mark.parametrize("pid", [0, 1 << 30])
def test_an_engine_that_notes_the_end_late(pid: int) -> None:
    engine = Engine(["running", LATE], [size(0)])
    engine.attrs = {"State": {"Pid": pid}}
    assert ended(engine, ResourceLimits()) is StopReason.EXITED and engine.waits == [LATE]


@pytest.mark.parametrize("answer", [size(11), [{"SizeRw": 5}, {"SizeRw": 6}]])
def test_a_full_disk(answer: list[dict[str, int]]) -> None:
    engine = Engine([LATE], [[{}], [{"SizeRw": None}], requests.exceptions.ReadTimeout(), answer])
    assert ended(engine, ResourceLimits(disk_bytes=10)) is StopReason.DISK_EXCEEDED
    assert engine.killed


def test_time_is_over() -> None:
    engine = Engine([LATE], [size(0)])
    assert ended(engine, ResourceLimits(seconds=0.05 - wait.GRACE_SECONDS)) is StopReason.TIMED_OUT
    assert engine.killed


@pytest.mark.parametrize(("waits", "looks"), [([LATE], [GONE]), ([GONE, None], [size(0)])])
def test_an_engine_that_goes_is_no_end_of_a_run_even_if_it_comes_back(
    waits: list[Exception | None], looks: list[Exception | list[dict[str, int]]]
) -> None:
    with pytest.raises(requests.exceptions.ConnectionError):
        ended(Engine(waits, looks), ResourceLimits())
