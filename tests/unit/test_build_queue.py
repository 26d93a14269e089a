"""Builds that share a disk: who is stopped, who waits, and who is tried again."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from curate.builders.errors import DiskFullError
from curate.builders.images.build_queue import MAX_BUILD_ATTEMPTS, BuildQueue, BuildSlot
from tests.helpers.fakes import fake

RESERVE = 1000


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A disk whose `free` bytes the test sets."""
    disk = fake(free=10 * RESERVE)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: disk)
    return disk


@pytest.fixture
def turns() -> BuildQueue:
    return BuildQueue(RESERVE)


def test_nothing_begins_within_the_reserve_but_what_began_goes_on_for_a_while(
    disk: Any, turns: BuildQueue, tmp_path: Path
) -> None:
    def build(turn: BuildSlot) -> None:
        turn.start_step()
        disk.free = RESERVE // 2
        turn.check_space()
        with pytest.raises(DiskFullError):
            turn.start_step()
        disk.free -= 1
        turn.check_space()

    with pytest.raises(DiskFullError) as caught:
        turns.run_build(tmp_path, build)
    began, left = 10 * RESERVE, RESERVE // 2 - 1
    assert caught.value.missing_bytes == RESERVE - left + 2 * (began - left)


def test_of_two_the_younger_gives_way_and_is_tried_again_after_the_older(
    disk: Any, turns: BuildQueue, tmp_path: Path
) -> None:
    told = []
    older_began, younger_stopped = threading.Event(), threading.Event()

    def older(turn: BuildSlot) -> str:
        older_began.set()
        assert younger_stopped.wait(10)
        turn.check_space()
        told.append("older ended")
        disk.free = 10 * RESERVE
        return "older"

    def younger(turn: BuildSlot) -> str:
        told.append("younger begun")
        turn.start_step()
        if not younger_stopped.is_set():
            disk.free = RESERVE - 1
            try:
                turn.check_space()
            finally:
                younger_stopped.set()
        return "younger"

    with ThreadPoolExecutor() as pool:
        first = pool.submit(turns.run_build, tmp_path, older)
        assert older_began.wait(10)
        second = pool.submit(turns.run_build, tmp_path, younger)
        assert (first.result(10), second.result(10)) == ("older", "younger")
    assert told == ["younger begun", "older ended", "younger begun"]


def test_room_is_made_for_what_is_missing_and_then_it_is_tried_again(
    disk: Any, turns: BuildQueue, tmp_path: Path
) -> None:
    disk.free = RESERVE - 300
    asked = []

    def make_room(missing: int) -> bool:
        asked.append(missing)
        disk.free += missing
        return True

    turns.run_build(tmp_path, lambda turn: turn.start_step(), make_room)
    assert asked == [300]


@pytest.mark.parametrize(("made", "tries"), [(True, MAX_BUILD_ATTEMPTS), (False, 1)])
def test_tries_end(disk: Any, turns: BuildQueue, tmp_path: Path, made: bool, tries: int) -> None:
    disk.free = 0
    tried = []

    def build(turn: BuildSlot) -> None:
        tried.append(1)
        turn.start_step()

    with pytest.raises(DiskFullError):
        turns.run_build(tmp_path, build, lambda _: made)
    assert len(tried) == tries


def test_nothing_is_tried_again_after_an_interrupt(
    disk: Any, turns: BuildQueue, tmp_path: Path
) -> None:
    older_began, over = threading.Event(), threading.Event()
    tried = []

    def older(turn: BuildSlot) -> None:
        older_began.set()
        assert over.wait(10)

    def younger(turn: BuildSlot) -> None:
        tried.append(1)
        disk.free = 0
        turn.check_space()

    with ThreadPoolExecutor() as pool:
        pool.submit(turns.run_build, tmp_path, older)
        assert older_began.wait(10)
        second = pool.submit(turns.run_build, tmp_path, younger, lambda _: True)
        turns.close()
        with pytest.raises(DiskFullError):
            second.result(10)
        over.set()
    assert tried == [1]
