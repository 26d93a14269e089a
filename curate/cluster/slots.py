"""Executors whose workers have names, and slots: how many calls each takes at once."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from curate.builders.errors import BuilderError

T = TypeVar("T")

HERE = "this process"


class WorkerLostError(BuilderError):
    """A call got no result because of its worker; on another one it may get one."""

    def __init__(self, worker: str, reason: str) -> None:
        super().__init__(f"worker {worker}: {reason}")
        self.worker = worker
        self.reason = reason


class SlotExecutor(Executor):
    """An executor that also says which workers there are, and submits to one of them."""

    poll_seconds: float | None = None  # how soon workers may come or go; None = never

    @abstractmethod
    def list_slots(self) -> Mapping[str, int]:
        """Return the slots of the workers that take calls now, by name; busy ones count, too."""

    @abstractmethod
    def submit_to(
        self, worker: str, function: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> Future[T]:
        """Call *function* on *worker*. The future has a WorkerLostError if the worker is lost."""

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Call *function* on any worker."""
        slots = self.list_slots()
        return self.submit_to(max(slots, key=lambda name: slots[name]), function, *args, **kwargs)


class ThreadSlots(SlotExecutor):
    """Threads of this process, as one worker."""

    def __init__(self, jobs: int) -> None:
        self._slots = {HERE: jobs}
        self._threads = ThreadPoolExecutor(jobs)

    def list_slots(self) -> Mapping[str, int]:
        """Return the threads."""
        return self._slots

    def submit_to(
        self, worker: str, function: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> Future[T]:
        """Call *function* in a thread."""
        return self._threads.submit(function, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """End the threads."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
