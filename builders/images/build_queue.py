"""Builds that go at once on one disk: watched while they go, and stopped one after the other."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from builders.errors import DiskFullError
from builders.process.free_space import RUNNING_BUILD_FRACTION, check_free_space, free_bytes

MAX_BUILD_ATTEMPTS = 3  # of one build, where each stopped one was followed by more room

Made = TypeVar("Made")


class BuildQueue:
    """The builds that share the room of one disk, the oldest first."""

    def __init__(self, reserve_bytes: int) -> None:
        self.reserve_bytes = reserve_bytes
        self._active: list[BuildSlot] = []
        self._changed = threading.Condition()
        self._closed = False

    def run_build(
        self,
        folder: Path,
        build: Callable[["BuildSlot"], Made],
        free_space: Callable[[int], bool] = lambda _: False,
    ) -> Made:
        """What *build* makes where *folder* is, tried again where the disk was full and is not now.

        That is, once those before it have ended, or if *free_space* has removed something for as
        many bytes as it is told.
        """
        with self._take_slot(folder) as slot:
            for _ in range(MAX_BUILD_ATTEMPTS - 1):
                try:
                    return build(slot)
                except DiskFullError as full:
                    has_space = self._wait_for_older(slot) or (
                        not self._closed and free_space(full.missing_bytes)
                    )
                    if not has_space:
                        raise
            return build(slot)

    def close(self) -> None:
        """Let nothing be tried again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def is_oldest(self, slot: "BuildSlot") -> bool:
        """Whether no build was begun before that of *slot*."""
        return self._active[0] is slot

    def _wait_for_older(self, slot: "BuildSlot") -> bool:
        """Wait for the builds before *slot*; False if there are none, or none to be waited for."""
        with self._changed:
            behind = not self.is_oldest(slot)
            self._changed.wait_for(lambda: self._closed or self.is_oldest(slot))
            return behind and not self._closed

    @contextmanager
    def _take_slot(self, folder: Path) -> Iterator["BuildSlot"]:
        slot = BuildSlot(self, folder)
        with self._changed:
            self._active.append(slot)
        try:
            yield slot
        finally:
            with self._changed:
                self._active.remove(slot)
                self._changed.notify_all()


class BuildSlot:
    """One build among others."""

    def __init__(self, queue: BuildQueue, folder: Path) -> None:
        self._queue, self._folder = queue, folder
        self._free = 0  # bytes, when the step under way began

    def start_step(self) -> None:
        """Raise `DiskFullError` unless the whole reserve is free: nothing is begun then."""
        check_free_space(self._folder, self._queue.reserve_bytes)
        self._free = free_bytes(self._folder)

    def check_space(self) -> None:
        """Raise `DiskFullError` where the step under way has to be stopped.

        The oldest build may use up part of the reserve, so that it can go on when those beside it
        have been stopped. What is missing counts twice what was taken since the step began.
        """
        part = RUNNING_BUILD_FRACTION if self._queue.is_oldest(self) else 1.0
        try:
            check_free_space(self._folder, self._queue.reserve_bytes, fraction=part)
        except DiskFullError as full:
            full.missing_bytes += 2 * max(self._free - free_bytes(self._folder), 0)
            raise
