"""A bounded number of calls at once, over any executor with slots, and one end on Ctrl-C."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from curate.cluster.slots import SlotExecutor, WorkerLostError

J = TypeVar("J")
R = TypeVar("R")

MAX_TRIES = 3  # workers that a job may lose
ABORT_SECONDS = 0.5  # between attempts to end calls that may just have been about to begin


class JobSource(Protocol[J]):
    """What is to be done, handed out one by one."""

    def take(self, worker: str) -> J | None:
        """Return the next job for *worker*; None if there is none for it now."""
        ...

    def has_more(self) -> bool:
        """Whether there are jobs that no worker has taken."""
        ...

    def finish(self, job: J, worker: str) -> None:
        """Note that *worker* has finished *job*."""
        ...

    def put_back(self, job: J, error: WorkerLostError) -> bool:
        """Hand out *job* again; False if it has been tried often enough."""
        ...


class IteratorSource(Generic[J]):
    """Jobs in the order of an iterator, for workers that are all alike."""

    def __init__(self, jobs: Iterable[J], is_stopped: Callable[[], bool] = lambda: False) -> None:
        """No more are handed out once *is_stopped*."""
        self._jobs = iter(jobs)
        self._is_stopped = is_stopped
        self._is_exhausted = False
        self._lost: list[J] = []
        self._losses: Counter[int] = Counter()  # by the job's identity

    def take(self, worker: str) -> J | None:
        """Return the next job; those that were put back come first."""
        if self._is_stopped():
            self._is_exhausted = True
            self._lost.clear()
        if self._lost:
            return self._lost.pop()
        job = None if self._is_exhausted else next(self._jobs, None)
        self._is_exhausted = job is None
        return job

    def has_more(self) -> bool:
        """Whether jobs were put back, or the iterator may have more."""
        return bool(self._lost) or not self._is_exhausted

    def finish(self, job: J, worker: str) -> None:
        """Do nothing."""

    def put_back(self, job: J, error: WorkerLostError) -> bool:
        """Keep *job* for another worker, unless it was lost too often."""
        self._losses[id(job)] += 1
        if self._losses[id(job)] >= MAX_TRIES:
            return False
        self._lost.append(job)
        return True


@dataclass(frozen=True, kw_only=True)
class BoundedWork(Generic[J, R]):
    """What to do with jobs; all is called in the thread of `run_bounded`."""

    submit: Callable[[str, J], "Future[R]"]  # on the worker of that name
    collect: Callable[[J, "Future[R]"], None]  # raises what concerns all jobs
    abort: Callable[[], None]  # ends all calls; may be called more than once


def run_bounded(executor: SlotExecutor, source: JobSource[J], work: BoundedWork[J, R]) -> None:
    """Keep the slots of *executor* filled with jobs of *source*, and collect each result.

    A job whose worker is lost is handed out again. Whatever is raised, KeyboardInterrupt too, ends
    all calls before it is passed on.
    """
    running: dict[Future[R], tuple[str, J]] = {}
    try:
        while True:
            _fill_slots(executor, source, work, running)
            if not running and not source.has_more():
                return
            if not running:
                time.sleep(executor.poll_seconds or 0)
            done = wait(running, timeout=executor.poll_seconds, return_when=FIRST_COMPLETED).done
            for future in done:
                _settle(future, *running.pop(future), source, work)
    except BaseException:
        work.abort()
        while wait(running, timeout=ABORT_SECONDS).not_done:
            work.abort()
        raise


def _fill_slots(
    executor: SlotExecutor,
    source: JobSource[J],
    work: BoundedWork[J, R],
    running: "dict[Future[R], tuple[str, J]]",
) -> None:
    busy = Counter(worker for worker, _ in running.values())
    for worker, slots in executor.list_slots().items():
        for _ in range(slots - busy[worker]):
            job = source.take(worker)
            if job is None:
                break
            running[work.submit(worker, job)] = worker, job


def _settle(
    future: "Future[R]",
    worker: str,
    job: J,
    source: JobSource[J],
    work: BoundedWork[J, R],
) -> None:
    error = CancelledError() if future.cancelled() else future.exception()
    if isinstance(error, WorkerLostError) and source.put_back(job, error):
        return
    source.finish(job, worker)
    work.collect(job, future)
