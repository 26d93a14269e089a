"""The workers of a cluster, as one executor with slots: opened, kept by leases, replaced.

A thread looks after them, so that leases are renewed whatever the driver is busy with.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, InvalidStateError, wait
from contextlib import suppress
from typing import Any, TypeVar

from curate import __version__
from curate.cluster.claims import ClaimDesk
from curate.cluster.errors import (
    RESUME,
    ClusterError,
    UnfitWorkerError,
)
from curate.cluster.member import Member, MemberState, describe_failure, read_reply
from curate.cluster.protocol import Cluster
from curate.cluster.room import (
    LEASE_SECONDS,
    RoomFacts,
    Ticket,
    close_room,
    open_room,
    renew_lease,
    run_in_room,
    stop_room,
)
from curate.cluster.slots import SlotExecutor, WorkerLostError

log = logging.getLogger(__name__)

T = TypeVar("T")

RENEW_SECONDS = 2.0
SILENT_SECONDS = LEASE_SECONDS + 10  # then the worker has ended its work itself
ASIDE_SECONDS = 30.0  # until a worker that could not be used is tried again
WAIT_SECONDS = 60.0  # for a first worker, or for one after all were lost
UNFIT_SECONDS = 10.0  # for another worker, where none of those that are there can be used
END_SECONDS = 5.0  # for workers to end their work
ABORT_SECONDS = 2 * END_SECONDS  # for the end of a whole run
_CHECK_SECONDS = 0.5


class ClusterSlots(SlotExecutor):
    """Executor of a run on *cluster*; *make* and *args* make the room on each worker."""

    poll_seconds = _CHECK_SECONDS

    def __init__(
        self,
        cluster: Cluster,
        ticket: Ticket,
        make: Callable[..., tuple[Any, Any]],
        *args: Any,
        max_slots: int = 0,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """*max_slots* limits the slots of each worker; 0 = as many as it advertises.

        *make* also gets the slots. Once *is_stopped*, jobs that run end soon, and are lost.
        """
        self._cluster, self._ticket = cluster, ticket
        self._order = (make, *args)
        self._max_slots = max_slots
        self._members: dict[str, Member] = {}
        self._claims = ClaimDesk()
        self._is_stopped, self._is_told = is_stopped, False
        self._details: Any = None  # of the first worker; all must be equal
        self._lock = threading.RLock()
        self._error: BaseException | None = None
        self._alive_at = time.monotonic()  # when there was a worker that could be used
        self._answered_at = time.monotonic()  # the scheduler
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._look_after, daemon=True)
        self._thread.start()

    def list_slots(self) -> Mapping[str, int]:
        """Return the workers that are ready; raises ClusterError if the cluster is of no use."""
        with self._lock:
            if self._error:
                raise self._error
            ready = [it for it in self._members.values() if it.state is MemberState.READY]
            return {it.name: it.slots for it in ready}

    def submit_to(
        self, worker: str, function: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> "Future[T]":
        """Call *function* with the worker's room and *args* there."""
        assert not kwargs
        future: Future[T] = Future()
        with self._lock:
            member = self._members.get(worker)
            if member is None or member.state is not MemberState.READY:
                future.set_exception(WorkerLostError(worker, "it is gone"))
                return future
            job = self._cluster.submit(worker, run_in_room, self._ticket, function, *args)
            member.jobs[future] = job
        job.add_done_callback(lambda done: self._settle(member, future, done))
        return future

    def abort(self) -> None:
        """End all jobs, on all workers that can be reached."""
        self._is_ending.set()
        with self._lock:
            members = list(self._members.values())
            jobs = [job for member in members for job in member.jobs.values()]
            waiting = [future for member in members for future in member.jobs]
            for member in members:
                member.jobs.clear()
        self._cluster.forget(jobs)
        self._close_rooms(members)
        for future in waiting:
            if future.cancel():
                future.set_running_or_notify_cancel()  # else `wait` goes on waiting

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Close the rooms of all workers, and disconnect."""
        self._is_ending.set()
        with self._lock:
            members = list(self._members.values())
        self._thread.join()
        self._close_rooms(members)
        self._cluster.close()

    def _close_rooms(self, members: list[Member]) -> None:
        with self._lock:
            opened = [it for it in members if it.state is not MemberState.ASIDE]
            self._members.clear()
        with suppress(ClusterError):
            calls = [self._cluster.call(it.name, close_room, self._ticket) for it in opened]
            wait(calls, timeout=END_SECONDS)

    def _settle(self, member: Member, future: "Future[Any]", done: "Future[Any]") -> None:
        """Pass the result of the cluster's future on to the caller's."""
        with self._lock:
            member.jobs.pop(future, None)
        try:
            result = read_reply(member, done)
        except UnfitWorkerError as error:
            with self._lock:
                self._set_aside(member, str(error))
            result = WorkerLostError(member.title, str(error))
        if isinstance(result, WorkerLostError) and not self._is_ending.is_set():
            with self._lock:
                if self._members.get(member.name) is member and member.state is MemberState.READY:
                    self._lose(member, result.reason)
        with suppress(InvalidStateError):  # it was given up meanwhile
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _look_after(self) -> None:
        while not self._is_ending.wait(_CHECK_SECONDS):
            try:
                self._check()
            except BaseException as error:
                self._fail(error)
                return

    def _check(self) -> None:
        try:
            listed = self._cluster.list_workers()
            self._answered_at = time.monotonic()
        except ClusterError:
            if time.monotonic() - self._answered_at > LEASE_SECONDS:
                raise
            return
        with self._lock:
            for name in [name for name in self._members if name not in listed]:
                self._lose(self._members[name], "it is gone")
            for name, slots in listed.items():
                if name not in self._members:
                    count = min(slots, self._max_slots or slots)
                    self._members[name] = Member(name=name, slots=count)
            for member in list(self._members.values()):
                self._check_member(member)
            self._require_members()
            if self._is_stopped() and not self._is_told:
                self._is_told = True
                for name in self.list_slots():
                    self._cluster.call(name, stop_room, self._ticket)

    def _check_member(self, member: Member) -> None:
        now = time.monotonic()
        if member.state is MemberState.ASIDE and now - member.since > ASIDE_SECONDS:
            self._enter(member, MemberState.OPENING)
        if member.state is MemberState.OPENING:
            self._check_opening(member)
        elif member.state is MemberState.READY:
            self._check_lease(member)

    def _check_opening(self, member: Member) -> None:
        if member.answer is None:
            member.asked_at = time.monotonic()
            order = (self._ticket, __version__, *self._order, member.slots)
            member.answer = self._cluster.call(member.name, open_room, *order)
        elif not member.answer.done():
            if time.monotonic() - member.since > SILENT_SECONDS:
                self._set_aside(member, "it does not answer")
        else:
            try:
                facts: RoomFacts = member.answer.result()
            except (Exception, CancelledError) as error:
                self._set_aside(member, describe_failure(error))
                return
            member.place, member.renewed_at = facts.place, member.asked_at
            self._details = self._details or facts.details
            if facts.details != self._details:
                reason = f"it is {facts.details}, but others are {self._details}"
                self._set_aside(member, reason)
                return
            self._enter(member, MemberState.READY)
            log.info("worker %s: %d slots", member.title, member.slots)

    def _check_lease(self, member: Member) -> None:
        now = time.monotonic()
        if member.answer and member.answer.done():
            answer, member.answer = member.answer, None
            if answer.cancelled() or answer.exception():
                log.debug("worker %s does not answer: %s", member.title, answer)
            elif state := answer.result():
                member.renewed_at = member.asked_at
                member.granted = self._claims.decide(member.name, state)
                member.is_waiting = bool(state.wanted)
            else:
                self._lose(member, "it was restarted, or its lease has run out")
                return
        if now - member.renewed_at > SILENT_SECONDS:
            self._lose(member, f"it has been silent for {SILENT_SECONDS:.0f} s")
        elif member.answer is None and (
            now - member.asked_at > RENEW_SECONDS or member.granted or member.is_waiting
        ):
            member.asked_at = now
            order = (self._ticket, member.granted)
            member.answer = self._cluster.call(member.name, renew_lease, *order)

    def _enter(self, member: Member, state: MemberState) -> None:
        member.state, member.since, member.answer = state, time.monotonic(), None

    def _set_aside(self, member: Member, reason: str) -> None:
        if member.state is not MemberState.ASIDE:
            log.warning("worker %s is not used for now: %s", member.title, reason)
        member.reason = reason
        self._enter(member, MemberState.ASIDE)

    def _lose(self, member: Member, reason: str) -> None:
        """Give up *member*; if it still lives, it is opened anew at the next check."""
        log.warning("worker %s: %s", member.title, reason)
        self._members.pop(member.name, None)
        self._claims.forget(member.name)
        jobs, member.jobs = member.jobs, {}
        self._cluster.forget(list(jobs.values()))
        for future in jobs:
            with suppress(InvalidStateError):
                future.set_exception(WorkerLostError(member.title, reason))

    def _require_members(self) -> None:
        """Raise ClusterError if no worker can be used, or none has come in time."""
        now = time.monotonic()
        members = self._members.values()
        if any(it.state is not MemberState.ASIDE for it in members):
            self._alive_at = now
        elif members and now - self._alive_at > UNFIT_SECONDS:
            reasons = "; ".join(sorted(f"{it.title}: {it.reason}" for it in members))
            raise ClusterError(f"No worker can be used: {reasons}.", hint=RESUME)
        elif not members and now - self._alive_at > WAIT_SECONDS:
            raise ClusterError(f"There is no worker for {WAIT_SECONDS:.0f} s.", hint=RESUME)

    def _fail(self, error: BaseException) -> None:
        """Let the run end with *error*."""
        with self._lock:
            self._error = error
            for member in list(self._members.values()):
                jobs, member.jobs = member.jobs, {}
                for future in jobs:
                    with suppress(InvalidStateError):
                        future.set_exception(error)
