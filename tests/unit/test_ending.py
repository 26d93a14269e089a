"""Waiting for containers and bringing their end about, against an engine that is a list."""

import os
from types import SimpleNamespace

import pytest
import requests
from urllib3.exceptions import ReadTimeoutError

from builders.errors import SandboxError
from builders.model import Limits
from builders.sandbox import wait
from builders.sandbox.wait import Ending, await_end

LATE = requests.exceptions.ConnectionError(ReadTimeoutError(None, "", "Read timed out."))
GONE = requests.exceptions.ConnectionError("Connection aborted.", ConnectionResetError())


class Engine:
    """A client and its one container: what each wait and each look at the disk gives."""

    def __init__(self, waits: list, looks: list) -> None:
        self.waits, self.looks = waits, looks
        self.id = self.name = "c"
        self.killed = False
        self.api = SimpleNamespace(containers=lambda size, filters: _next(self.looks))

    def wait(self, timeout: float) -> None:
        if not self.killed:
            _next(self.waits)

    def kill(self) -> None:
        self.killed = True


def _next(answers: list):
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


def ended(engine: Engine, limits: Limits) -> Ending:
    return await_end(engine, engine, limits)  # type: ignore[arg-type]


def test_inodes_that_run_out_are_no_verdict(tmp_path, monkeypatch):
    few = SimpleNamespace(f_files=1000, f_favail=39)
    monkeypatch.setattr(os, "statvfs", lambda folder: few)
    with pytest.raises(SandboxError, match="inodes"):
        await_end(Engine([LATE], [size(0)]), Engine([LATE], []), Limits(), tmp_path)
    few.f_favail = 41
    ours = Engine([LATE, None], [size(0)])
    assert await_end(ours, ours, Limits(), tmp_path) is Ending.BY_ITSELF
    few.f_files = 0  # a file system that counts none
    ours = Engine([LATE, None], [size(0)])
    assert await_end(ours, ours, Limits(), tmp_path) is Ending.BY_ITSELF


def size(count: int) -> list[dict]:
    return [{"SizeRw": count}]


def test_an_end_of_its_own():
    engine = Engine([LATE, LATE, None], [size(9), []])
    assert ended(engine, Limits(disk_bytes=10)) is Ending.BY_ITSELF
    assert not engine.killed


@pytest.mark.parametrize("answer", [size(11), [{"SizeRw": 5}, {"SizeRw": 6}]])
def test_a_full_disk(answer):
    engine = Engine([LATE], [[{}], [{"SizeRw": None}], requests.exceptions.ReadTimeout(), answer])
    assert ended(engine, Limits(disk_bytes=10)) is Ending.OUT_OF_DISK
    assert engine.killed


def test_time_is_over():
    engine = Engine([LATE], [size(0)])
    assert ended(engine, Limits(seconds=0.05 - wait._GRACE)) is Ending.OUT_OF_TIME
    assert engine.killed


@pytest.mark.parametrize(("waits", "looks"), [([LATE], [GONE]), ([GONE, None], [size(0)])])
def test_an_engine_that_goes_is_no_end_of_a_run_even_if_it_comes_back(waits, looks):
    with pytest.raises(requests.exceptions.ConnectionError):
        ended(Engine(waits, looks), Limits())
