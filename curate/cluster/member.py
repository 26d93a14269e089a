"""One worker of a cluster, as the driver sees it, and what its answers mean."""

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from curate.cluster.claims import Keys
from curate.cluster.errors import RemoteBugError, RemoteFailureError, UnfitWorkerError
from curate.cluster.room import Reply
from curate.cluster.slots import WorkerLostError


class MemberState(StrEnum):
    """Whether a worker takes jobs."""

    OPENING = "opening"
    READY = "ready"
    ASIDE = "aside"


@dataclass(kw_only=True, eq=False)
class Member:
    """A worker, and the jobs that it has."""

    name: str
    slots: int
    state: MemberState = MemberState.OPENING
    place: str = ""
    answer: "Future[Any] | None" = None  # of opening the room, or of renewing its lease
    since: float = field(default_factory=time.monotonic)  # of the state
    asked_at: float = 0.0
    renewed_at: float = 0.0
    granted: tuple[Keys, ...] = ()  # what it may build, and does not know yet
    is_waiting: bool = False  # for what others are building
    reason: str = ""  # why it is aside
    jobs: "dict[Future[Any], Future[Any]]" = field(default_factory=dict)  # ours -> the cluster's

    @property
    def title(self) -> str:
        """Name and place, for people."""
        return f"{self.name} ({self.place})" if self.place else self.name


def read_reply(member: Member, done: "Future[Any]") -> Any:
    """Return the result of a job, or the exception that stands for it."""
    if done.cancelled():
        return WorkerLostError(member.title, "its job was cancelled")
    error = done.exception()
    if isinstance(error, WorkerLostError):
        return WorkerLostError(member.title, error.reason)
    if error is not None:
        raise UnfitWorkerError(describe_failure(error))
    reply: Reply = done.result()
    if reply.is_unfit:
        raise UnfitWorkerError(reply.is_lost)
    if reply.is_lost:
        return WorkerLostError(member.title, reply.is_lost)
    if reply.bug:
        return RemoteBugError(f"on worker {member.title}:\n{reply.bug}")
    if reply.error:
        message, hint = reply.error
        return RemoteFailureError(f"{message} (on worker {member.title})", hint=hint)
    return reply.value


def describe_failure(error: BaseException) -> str:
    """Return why a worker cannot be used, for people."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("curate"):
        return "curate is not installed there, or is another version: install the same as here"
    if isinstance(error, UnfitWorkerError | WorkerLostError):
        return str(error)
    return f"{type(error).__name__}: {error}"
