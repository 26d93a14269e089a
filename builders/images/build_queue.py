"""Builds that go at once on one disk: watched while they go, and stopped one after the other."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from builders.errors import DiskFull
from builders.process.free_space import UNDER_WAY, free_bytes, watch_disk

TRIES = 3  # of one build, where each stopped one was followed by more room

Made = TypeVar("Made")


class Turns:
    """The builds that share the room of one disk, the oldest first."""

    def __init__(self, reserve_bytes: int) -> None:
        self.reserve_bytes = reserve_bytes
        self._going: list[Turn] = []
        self._changed = threading.Condition()
        self._closed = False

    def built(
        self,
        folder: Path,
        build: Callable[["Turn"], Made],
        make_room: Callable[[int], bool] = lambda _: False,
    ) -> Made:
        """What *build* makes where *folder* is, tried again where the disk was full and is not now.

        That is, once those before it have ended, or if *make_room* has removed something for as
        many bytes as it is told.
        """
        with self._taken(folder) as turn:
            for _ in range(TRIES - 1):
                try:
                    return build(turn)
                except DiskFull as full:
                    room = self._wait(turn) or (not self._closed and make_room(full.missing))
                    if not room:
                        raise
            return build(turn)

    def close(self) -> None:
        """Let nothing be tried again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def first(self, turn: "Turn") -> bool:
        """Whether no build was begun before that of *turn*."""
        return self._going[0] is turn

    def _wait(self, turn: "Turn") -> bool:
        """Wait for the builds before *turn*; False if there are none, or none to be waited for."""
        with self._changed:
            behind = not self.first(turn)
            self._changed.wait_for(lambda: self._closed or self.first(turn))
            return behind and not self._closed

    @contextmanager
    def _taken(self, folder: Path) -> Iterator["Turn"]:
        turn = Turn(self, folder)
        with self._changed:
            self._going.append(turn)
        try:
            yield turn
        finally:
            with self._changed:
                self._going.remove(turn)
                self._changed.notify_all()


class Turn:
    """One build among others."""

    def __init__(self, turns: Turns, folder: Path) -> None:
        self._turns, self._folder = turns, folder
        self._free = 0  # bytes, when the step under way began

    def begin(self) -> None:
        """Raise `DiskFull` unless the whole reserve is free: nothing is begun then."""
        watch_disk(self._folder, self._turns.reserve_bytes)
        self._free = free_bytes(self._folder)

    def watch(self) -> None:
        """Raise `DiskFull` where the step under way has to be stopped.

        The oldest build may use up part of the reserve, so that it can go on when those beside it
        have been stopped. What is missing counts twice what was taken since the step began.
        """
        part = UNDER_WAY if self._turns.first(self) else 1.0
        try:
            watch_disk(self._folder, self._turns.reserve_bytes, part=part)
        except DiskFull as full:
            full.missing += 2 * max(self._free - free_bytes(self._folder), 0)
            raise
