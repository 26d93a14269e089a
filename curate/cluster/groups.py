"""Jobs of one group go to one worker at a time, so that what they share is built once."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread
from typing import Any, Generic, TypeVar

from curate.cluster.bounded import MAX_TRIES
from curate.cluster.slots import WorkerLostError

log = logging.getLogger(__name__)

J = TypeVar("J")

WINDOW = 5_000  # jobs that may wait for the worker of their group


@dataclass(kw_only=True, eq=False)
class GroupJob(Generic[J]):
    """A job and the group it belongs to."""

    group: str
    item: J
    losses: list[WorkerLostError] = field(default_factory=list)


class GroupSource(Generic[J]):
    """Hands out jobs, oldest group first; a group has one worker until it is lost.

    With *can_share* a worker that has nothing else to do takes jobs of another's group, once the
    first of that group has finished: what it has built can be had from there.
    """

    def __init__(
        self,
        jobs: Iterable[GroupJob[J]],
        list_workers: Callable[[], Collection[str]],
        *,
        can_share: bool,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._coming = Prefetched(jobs)
        self._list_workers = list_workers
        self._can_share, self._is_stopped = can_share, is_stopped
        self._waiting: dict[str, deque[GroupJob[J]]] = {}
        self._count = 0
        self._owners: dict[str, str] = {}
        self._finished: Counter[str] = Counter()

    def take(self, worker: str) -> GroupJob[J] | None:
        """Return a job of a group of *worker*, or of one that has none, else of another's."""
        if self._is_stopped():
            return None
        self._pull()
        alive = self._list_workers()
        group = self._choose(lambda it: self._owners.get(it) == worker)
        if group is None:
            group = self._choose(lambda it: self._owners.get(it) not in alive)
        if group is not None:
            self._owners[group] = worker
        elif self._can_share:
            group = self._choose(lambda it: self._finished[it] > 0)
        return None if group is None else self._pop(group)

    def has_more(self) -> bool:
        """Whether there are, or may come, jobs that are not handed out."""
        return not self._is_stopped() and (self._count > 0 or not self._coming.is_exhausted)

    def finish(self, job: GroupJob[J], worker: str) -> None:
        """Note that the first job of a group has finished."""
        self._finished[job.group] += 1

    def put_back(self, job: GroupJob[J], error: WorkerLostError) -> bool:
        """Hand out *job* again, before all others of its group, unless it was lost too often."""
        job.losses.append(error)
        if len(job.losses) >= MAX_TRIES:
            return False
        log.info("%s: tried again on another worker (%s)", job.item, error)
        self._waiting.setdefault(job.group, deque()).appendleft(job)
        self._count += 1
        return True

    def _pull(self) -> None:
        while self._count < WINDOW and (job := self._coming.take()) is not None:
            self._waiting.setdefault(job.group, deque()).append(job)
            self._count += 1

    def _choose(self, is_wanted: Callable[[str], bool]) -> str | None:
        return next(filter(is_wanted, self._waiting), None)

    def _pop(self, group: str) -> GroupJob[J]:
        jobs = self._waiting[group]
        job = jobs.popleft()
        if not jobs:
            del self._waiting[group]
        self._count -= 1
        return job


class Prefetched(Generic[J]):
    """Items of an iterable, made by a thread, a bounded number ahead."""

    def __init__(self, items: Iterable[J], ahead: int = 1_000) -> None:
        self.is_exhausted = False
        self._queue: Queue[Any] = Queue(ahead)
        self._end = object()
        Thread(target=self._fill, args=(iter(items),), daemon=True).start()

    def take(self) -> J | None:
        """Return the next item; None if there is none yet, or none any more."""
        try:
            item = None if self.is_exhausted else self._queue.get_nowait()
        except Empty:
            return None
        if item is self._end:
            self.is_exhausted = True
            return None
        if isinstance(item, _Raised):
            raise item.error
        found: J | None = item
        return found

    def _fill(self, items: Iterator[J]) -> None:
        try:
            for item in items:
                self._queue.put(item)
        except BaseException as error:
            self._queue.put(_Raised(error))
        self._queue.put(self._end)


@dataclass(frozen=True)
class _Raised:
    error: BaseException
