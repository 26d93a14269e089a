"""Concurrent builds on one disk: the newest are stopped first when the disk fills up."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from curate.builders.errors import BuilderError, DiskFullError
from curate.builders.process.free_space import RUNNING_BUILD_FRACTION, check_free_space, free_bytes

MAX_BUILD_ATTEMPTS = 3  # of one build that was stopped and for which space was then freed

Result = TypeVar("Result")


class BuildQueue:
    """The builds that share the space of one disk, oldest first."""

    def __init__(self, reserve_bytes: int) -> None:
        self.reserve_bytes = reserve_bytes
        self._active: list[BuildSlot] = []
        self._changed = threading.Condition()
        self._closed = False

    def run_build(
        self,
        folder: Path,
        build: Callable[["BuildSlot"], Result],
        free_space: Callable[[int], bool] = lambda _: False,
    ) -> Result:
        """Run *build* and return its result; retry it after the disk was full.

        A retry comes after all older builds have ended or, if there are none, after *free_space*
        has freed something.

        Args:
            folder: A folder on the disk.
            build: The build; it calls the methods of its slot to check the disk.
            free_space: Takes the number of missing bytes, returns whether it freed any space.

        Raises:
            DiskFullError: The disk is full and a retry is pointless, or the last attempt failed.
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
        """Stop all builds at their next step or check of the disk, and prevent any retry."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def check_open(self) -> None:
        """Raise BuilderError if the queue was closed."""
        if self._closed:
            raise BuilderError("the build was stopped")

    def is_oldest(self, slot: "BuildSlot") -> bool:
        """Whether no older build than that of *slot* is running."""
        return self._active[0] is slot

    def _wait_for_older(self, slot: "BuildSlot") -> bool:
        """Wait for all older builds; False if there are none, or if the queue was closed."""
        with self._changed:
            has_older = not self.is_oldest(slot)
            self._changed.wait_for(lambda: self._closed or self.is_oldest(slot))
            return has_older and not self._closed

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
    """One of the running builds."""

    def __init__(self, queue: BuildQueue, folder: Path) -> None:
        self._queue, self._folder = queue, folder
        self._free = 0  # free bytes at the start of the current step

    def start_step(self) -> None:
        """Check the disk before a step of the build.

        Raises:
            DiskFullError: Less than the whole reserve is free.
            BuilderError: The queue was closed.
        """
        self._queue.check_open()
        check_free_space(self._folder, self._queue.reserve_bytes)
        self._free = free_bytes(self._folder)

    def check_space(self) -> None:
        """Check the disk during a step of the build.

        The oldest build may use part of the reserve, so that it can finish after the others were
        stopped. `missing_bytes` of the error includes twice what was used since the step started.

        Raises:
            DiskFullError: The step must be stopped.
            BuilderError: The queue was closed.
        """
        self._queue.check_open()
        fraction = RUNNING_BUILD_FRACTION if self._queue.is_oldest(self) else 1.0
        try:
            check_free_space(self._folder, self._queue.reserve_bytes, fraction=fraction)
        except DiskFullError as full:
            full.missing_bytes += 2 * max(self._free - free_bytes(self._folder), 0)
            raise
