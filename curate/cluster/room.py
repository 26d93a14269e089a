"""The worker's side: one room, in which the jobs of one run are done, held by a lease.

The driver renews the lease. If it does not, because it was killed or cut off, the worker ends all
that it has begun, so that no sandbox runs for nobody. A worker serves one run at a time.
"""

import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from curate import __version__
from curate.builders.errors import DiskFullError, EngineUnavailableError
from curate.cluster.claims import Claims, ClaimState, Keys
from curate.cluster.errors import RoomClosedError, UnfitWorkerError
from curate.core.errors import StoreError, describe_error

log = logging.getLogger(__name__)

R = TypeVar("R")

LEASE_SECONDS = 30.0
_WATCH_SECONDS = 1.0
_UNFIT = (EngineUnavailableError, DiskFullError, StoreError)


class Room(Protocol):
    """What jobs of a run share on a worker."""

    claims: Claims  # of what its jobs build

    def stop(self) -> None:
        """Begin nothing more; what runs may end."""
        ...

    def abort(self) -> None:
        """End all jobs; may be called more than once."""
        ...

    def close(self) -> None:
        """Remove everything but caches; all jobs have ended."""
        ...


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """Names a run. Two runs of one *owner* cannot live at once: the older one is dead."""

    owner: str
    run: str


@dataclass(frozen=True, kw_only=True)
class RoomFacts:
    """What the driver learns of a worker when it opens a room there."""

    place: str  # host and process, for people
    details: Any = None  # what the maker of the room tells


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The result of a job, or why there is none."""

    value: Any = None
    is_lost: str = ""  # why the job must be done on another worker
    is_unfit: bool = False  # whether that concerns every other job here, too
    error: tuple[str, str] | None = None  # message and hint of an infrastructure error of the job
    bug: str = ""  # traceback


@dataclass(kw_only=True, eq=False)
class _Held:
    ticket: Ticket
    room: Room
    facts: RoomFacts
    renewed_at: float = field(default_factory=time.monotonic)
    jobs: int = 0
    is_closed: bool = False


_rooms: list[_Held] = []  # at most one
_lock = threading.RLock()
_opening = threading.Lock()


def open_room(
    ticket: Ticket, version: str, make: Callable[..., tuple[Room, Any]], *args: Any
) -> RoomFacts:
    """Open the room of a run, unless it is open; *make* returns it, and details for the driver.

    Raises UnfitWorkerError with a sentence where this worker cannot take part.
    """
    if version != __version__:
        raise UnfitWorkerError(f"it has curate {__version__}, this is {version}: install the same")
    with _opening:
        for held in tuple(_rooms):
            if held.ticket == ticket and not held.is_closed:
                held.renewed_at = time.monotonic()
                return held.facts
            if held.ticket.owner != ticket.owner and not _has_expired(held):
                raise UnfitWorkerError("it is used by another curate command")
            _end(held)
        try:
            room, details = make(*args)
        except Exception as error:
            described = describe_error(error)
            if described is None:
                raise
            raise UnfitWorkerError(f"{described[0]} {described[1]}".rstrip()) from None
        facts = RoomFacts(place=f"{os.uname().nodename}, process {os.getpid()}", details=details)
        held = _Held(ticket=ticket, room=room, facts=facts)
        with _lock:
            _rooms.append(held)
        threading.Thread(target=_watch, args=(held,), daemon=True).start()
        return facts


def renew_lease(ticket: Ticket, granted: Sequence[Keys] = ()) -> ClaimState | None:
    """Renew the lease, and take what may be built; None if there is no such room any more."""
    with _lock:
        held = _find(ticket)
        if held is None:
            return None
        held.renewed_at = time.monotonic()
    return held.room.claims.exchange(granted)


def stop_room(ticket: Ticket) -> None:
    """Let the jobs of the room end soon, without results."""
    with _lock:
        held = _find(ticket)
    if held:
        held.room.stop()


def close_room(ticket: Ticket) -> None:
    """End what runs in the room, and close it."""
    with _lock:
        held = _find(ticket)
    if held:
        _end(held)


def run_in_room(ticket: Ticket, function: Callable[..., Any], *args: Any) -> Reply:
    """Return what *function* returns, given the room and *args*, or why it does not."""
    with _lock:
        held = _find(ticket)
        if held is None:
            return Reply(is_lost="it was restarted, or its lease has run out")
        held.jobs += 1
    try:
        value = function(held.room, *args)
    except Exception as error:
        reply = _explain(error)
    else:
        reply = Reply(value=value)
    finally:
        with _lock:
            held.jobs -= 1
    # What was killed counts for nothing, whatever it looks like.
    return Reply(is_lost="its room was closed") if held.is_closed else reply


def _explain(error: Exception) -> Reply:
    described = describe_error(error)
    if isinstance(error, RoomClosedError):
        return Reply(is_lost="its room was closed")
    if described is None:
        return Reply(bug="".join(traceback.format_exception(error)))
    message, hint, code = described
    if isinstance(error, _UNFIT) or code == 8:
        return Reply(is_lost=f"{message} {hint}".rstrip(), is_unfit=True)
    return Reply(error=(message, hint))


def _find(ticket: Ticket) -> _Held | None:
    return next((it for it in _rooms if it.ticket == ticket and not it.is_closed), None)


def _has_expired(held: _Held) -> bool:
    return held.is_closed or time.monotonic() - held.renewed_at > LEASE_SECONDS


def _watch(held: _Held) -> None:
    while not _has_expired(held):
        time.sleep(_WATCH_SECONDS)
    if not held.is_closed:
        log.warning("the driver is silent since %g s: its work is ended", LEASE_SECONDS)
    _end(held)


def _end(held: _Held) -> None:
    """End all jobs of *held*, and close it; returns once nothing of it runs."""
    with _lock:
        is_first, held.is_closed = not held.is_closed, True
    while held in _rooms:
        if is_first:
            held.room.abort()
            with _lock:
                if held.jobs == 0:
                    held.room.close()
                    _rooms.remove(held)
                    return
        time.sleep(0.2)


def close_all() -> None:
    """Close whatever room there is: this process ends."""
    for held in tuple(_rooms):
        _end(held)
