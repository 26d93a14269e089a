"""Calls side by side, of which one that hangs keeps nothing waiting."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def call_all(
    functions: Sequence[Callable[[], T]], seconds: float
) -> list[T | BaseException | None]:
    """Return what each function returned or raised, in order; None for one that takes longer.

    All are given *seconds* together. The threads of those that hang end with the process.
    """
    outcomes: queue.SimpleQueue[tuple[int, T | BaseException]] = queue.SimpleQueue()

    def run(place: int, function: Callable[[], T]) -> None:
        try:
            outcomes.put((place, function()))
        except BaseException as error:
            outcomes.put((place, error))

    for place, function in enumerate(functions):
        threading.Thread(target=run, args=(place, function), daemon=True).start()
    found: dict[int, T | BaseException] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(functions):
        try:
            place, outcome = outcomes.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            break
        found[place] = outcome
    return [found.get(place) for place in range(len(functions))]
