"""A pool of things that take long to make and are wanted at once."""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from curate.builders.errors import BuilderError

T = TypeVar("T")
log = logging.getLogger(__name__)

_END_SECONDS = 5.0  # that the end of a pool waits for a thing that is being made


class WarmPool(Generic[T]):
    """Keeps *size* things ready, which *make* makes in a thread. Methods are thread-safe."""

    def __init__(self, make: Callable[[], T], discard: Callable[[T], None], size: int) -> None:
        self._make, self._discard, self.size = make, discard, size
        self._ready: list[T] = []
        self._lock = threading.Condition()
        self._making = 0  # number of threads at work
        self._is_closed = False

    def take(self) -> T:
        """Return a thing that is ready, or make one; another is made for the next call."""
        with self._lock:
            found = self._ready.pop() if self._ready else None
        thing = self._make() if found is None else found
        self.refill()
        return thing

    def put(self, thing: T) -> None:
        """Give back a thing that is as good as new; it is discarded if there are enough."""
        with self._lock:
            is_wanted = not self._is_closed and len(self._ready) <= self.size
            if is_wanted:
                self._ready.append(thing)
        if not is_wanted:
            self._discard(thing)

    def refill(self) -> None:
        """Make what is missing, in a thread."""
        with self._lock:
            if self._is_closed or self._making or len(self._ready) >= self.size:
                return
            self._making += 1
        threading.Thread(target=self._make_missing, daemon=True).start()

    def close(self) -> None:
        """Discard what is ready, and what is being made; make nothing any more."""
        with self._lock:
            self._is_closed = True
            things, self._ready = self._ready, []
        for thing in things:
            self._discard(thing)
        with self._lock:  # a process that ends would leave it behind
            self._lock.wait_for(lambda: not self._making, _END_SECONDS)

    def _make_missing(self) -> None:
        try:
            while not self._is_closed and len(self._ready) < self.size:
                self.put(self._make())
        except BuilderError as error:
            log.debug("no sandbox was made ahead of time: %s", error)
        finally:
            with self._lock:
                self._making -= 1
                self._lock.notify_all()
