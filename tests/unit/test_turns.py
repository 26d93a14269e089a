"""Builds that share a disk: who is stopped, who waits, and who is tried again."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from builders.errors import DiskFull
from builders.images.build_queue import TRIES, Turns

RESERVE = 1000


@pytest.fixture
def disk(monkeypatch):
    """A disk whose `free` bytes the test sets."""
    disk = SimpleNamespace(free=10 * RESERVE)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: disk)
    return disk


@pytest.fixture
def turns():
    return Turns(RESERVE)


def test_nothing_begins_within_the_reserve_but_what_began_goes_on_for_a_while(
    disk, turns, tmp_path
):
    def build(turn):
        turn.begin()
        disk.free = RESERVE // 2
        turn.watch()
        with pytest.raises(DiskFull):
            turn.begin()
        disk.free -= 1
        turn.watch()

    with pytest.raises(DiskFull) as caught:
        turns.built(tmp_path, build)
    began, left = 10 * RESERVE, RESERVE // 2 - 1
    assert caught.value.missing == RESERVE - left + 2 * (began - left)


def test_of_two_the_younger_gives_way_and_is_tried_again_after_the_older(disk, turns, tmp_path):
    told = []
    older_began, younger_stopped = threading.Event(), threading.Event()

    def older(turn):
        older_began.set()
        assert younger_stopped.wait(10)
        turn.watch()
        told.append("older ended")
        disk.free = 10 * RESERVE
        return "older"

    def younger(turn):
        told.append("younger begun")
        turn.begin()
        if not younger_stopped.is_set():
            disk.free = RESERVE - 1
            try:
                turn.watch()
            finally:
                younger_stopped.set()
        return "younger"

    with ThreadPoolExecutor() as pool:
        first = pool.submit(turns.built, tmp_path, older)
        assert older_began.wait(10)
        second = pool.submit(turns.built, tmp_path, younger)
        assert (first.result(10), second.result(10)) == ("older", "younger")
    assert told == ["younger begun", "older ended", "younger begun"]


def test_room_is_made_for_what_is_missing_and_then_it_is_tried_again(disk, turns, tmp_path):
    disk.free = RESERVE - 300
    asked = []

    def make_room(missing):
        asked.append(missing)
        disk.free += missing
        return True

    turns.built(tmp_path, lambda turn: turn.begin(), make_room)
    assert asked == [300]


@pytest.mark.parametrize(("made", "tries"), [(True, TRIES), (False, 1)])
def test_tries_end(disk, turns, tmp_path, made, tries):
    disk.free = 0
    tried = []
    with pytest.raises(DiskFull):
        turns.built(tmp_path, lambda turn: (tried.append(1), turn.begin()), lambda _: made)
    assert len(tried) == tries


def test_nothing_is_tried_again_after_an_interrupt(disk, turns, tmp_path):
    older_began, over = threading.Event(), threading.Event()
    tried = []

    def older(turn):
        older_began.set()
        assert over.wait(10)

    def younger(turn):
        tried.append(1)
        disk.free = 0
        turn.watch()

    with ThreadPoolExecutor() as pool:
        pool.submit(turns.built, tmp_path, older)
        assert older_began.wait(10)
        second = pool.submit(turns.built, tmp_path, younger, lambda _: True)
        turns.close()
        with pytest.raises(DiskFull):
            second.result(10)
        over.set()
    assert tried == [1]
