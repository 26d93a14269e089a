"""Who may build what: two workers never build the same thing at the same time.

A worker says with each renewal of its lease what it wants to build and what it is building; with
the next one the driver says what it may. What another has built meanwhile is then found in the
layer cache.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from curate.cluster.errors import RoomClosedError

Keys = tuple[str, ...]  # of all that one build makes

_CHECK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class ClaimState:
    """What a worker tells with its lease."""

    wanted: tuple[Keys, ...] = ()
    held: tuple[str, ...] = ()


class Claims:
    """The worker's side."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wanted: list[Keys] = []
        self._held: Counter[str] = Counter()
        self._done: set[str] = set()  # was built here, so it need not be claimed again

    @contextmanager
    def hold(self, keys: Keys, is_cancelled: Callable[[], bool]) -> Iterator[None]:
        """Wait until this worker alone may build *keys*, and hold them until the block ends.

        Raises RoomClosedError once *is_cancelled*.
        """
        if self._done.issuperset(keys):
            yield
            return
        self._wait(keys, is_cancelled)
        try:
            yield
            self._done.update(keys)
        finally:
            with self._changed:
                self._held -= Counter(keys)

    def exchange(self, granted: Sequence[Keys]) -> ClaimState:
        """Take what the driver has granted, and return what is wanted and held now."""
        with self._changed:
            for keys in granted:
                if keys in self._wanted:
                    self._wanted.remove(keys)
                    self._held += Counter(keys)
            self._changed.notify_all()
            return ClaimState(wanted=tuple(self._wanted), held=tuple(self._held))

    def _wait(self, keys: Keys, is_cancelled: Callable[[], bool]) -> None:
        with self._changed:
            self._wanted.append(keys)
            count = self._wanted.count(keys)
            while self._wanted.count(keys) >= count:
                if is_cancelled():
                    self._wanted.remove(keys)
                    raise RoomClosedError
                self._changed.wait(_CHECK_SECONDS)


class ClaimDesk:
    """The driver's side: which worker holds what."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}

    def decide(self, worker: str, state: ClaimState) -> tuple[Keys, ...]:
        """Note what *worker* holds, and return what is granted to it of what it wants."""
        self._holders = {
            key: holder
            for key, holder in self._holders.items()
            if holder != worker or key in state.held
        }
        granted = []
        for keys in state.wanted:
            if all(self._holders.get(key, worker) == worker for key in keys):
                self._holders.update(dict.fromkeys(keys, worker))
                granted.append(keys)
        return tuple(granted)

    def forget(self, worker: str) -> None:
        """Release all that *worker* held: it is lost."""
        self._holders = {key: it for key, it in self._holders.items() if it != worker}
