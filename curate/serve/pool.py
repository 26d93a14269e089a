"""The open environments of a server: one request at a time each, closed when nobody uses them."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from curate.gym.environment import Environment
from curate.gym.options import EnvironmentOptions
from curate.serve.errors import ApiError, ErrorKind, translate_error
from curate.serve.options import ServeOptions
from curate.serve.threads import run_in_thread

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_WATCH_SECONDS = 1.0  # between looks for environments that nobody uses

EnvironmentMaker = Callable[[], Environment]


@dataclass(eq=False, kw_only=True)
class OpenEnvironment:
    """An environment that a client has opened. Only the thread of the event loop uses this."""

    id: str = field(default_factory=lambda: secrets.token_hex(16))
    instance_id: str
    options: EnvironmentOptions
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    creation_key: str = ""  # of the request that has opened it
    environment: Environment | None = None  # None until it is made
    call: "asyncio.Future[Any] | None" = None  # the newest
    call_key: str = ""
    last_used: float = field(default_factory=time.monotonic)
    is_closing: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether a request uses it."""
        return self.call is not None and not self.call.done()

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last request ended."""
        return 0.0 if self.is_busy else time.monotonic() - self.last_used


class EnvironmentPool:
    """All open environments; what blocks runs in threads. Methods belong to the event loop.

    A call goes on when the client that has made it is gone. A call with the key of the one before
    gets the reply of that, so a client may repeat what it got no reply to.
    """

    def __init__(self, options: ServeOptions) -> None:
        self.options = options
        self._open: dict[str, OpenEnvironment] = {}
        self._graders = asyncio.Semaphore(options.jobs)
        self._waiting = 0  # patches without an environment that are graded, or wait for it
        self.is_closing = False
        self._left = asyncio.Event()  # set whenever an environment is gone
        self._closing: set[asyncio.Future[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[None] = self._loop.create_future()

    def list_open(self) -> list[OpenEnvironment]:
        """Return the open environments, the oldest first."""
        return [it for it in self._open.values() if not it.is_closing]

    def get(self, environment_id: str) -> OpenEnvironment:
        """Return an open environment. Raises ApiError if there is none."""
        found = self._open.get(environment_id)
        if found is None or found.is_closing:
            raise ApiError(
                ErrorKind.NOT_FOUND,
                f"There is no environment {environment_id}.",
                hint=f"It was closed, or not used for {self.options.idle_seconds:g} seconds.",
            )
        return found

    async def open(
        self, instance_id: str, options: EnvironmentOptions, make: EnvironmentMaker, key: str
    ) -> OpenEnvironment:
        """Open an environment. Raises ApiError if there are too many, or it cannot be made."""
        for known in self.list_open():
            if key and known.creation_key == key:
                if known.environment is None and known.call:
                    await self._wait_for(known.call)
                return known
        await self._require_room()
        opened = OpenEnvironment(instance_id=instance_id, options=options, creation_key=key)
        await self._add(opened, make)
        return opened

    async def fork(self, parent: OpenEnvironment, key: str) -> OpenEnvironment:
        """Open another environment in the state of *parent*."""

        async def run() -> OpenEnvironment:
            await self._require_room()
            twin = OpenEnvironment(instance_id=parent.instance_id, options=parent.options)
            await self._add(twin, lambda: _made(parent).fork(), in_episode=True)
            return twin

        return await self._start(parent, key, run)

    async def call(
        self, opened: OpenEnvironment, key: str, function: Callable[[Environment], T]
    ) -> T:
        """Return what *function* returns for the environment, in a thread."""
        return await self._start(
            opened, key, lambda: self._run(lambda: function(_made(opened)), in_episode=True)
        )

    async def call_grader(
        self, opened: OpenEnvironment, key: str, function: Callable[[Environment], T]
    ) -> T:
        """Like `call`, for what runs tests: only so many do at once."""

        async def run() -> T:
            async with self._graders:
                return await self._run(lambda: function(_made(opened)), in_episode=True)

        return await self._start(opened, key, run)

    async def grade(self, function: Callable[[], T]) -> T:
        """Return what *function* returns, which grades a patch without an environment."""
        self._refuse_if_closing()
        if self._waiting >= self.options.max_environments:
            raise ApiError(
                ErrorKind.TOO_MANY,
                f"{self._waiting:,} patches wait to be graded already.",
                hint="Send this one again when others have their grade.",
            )
        self._waiting += 1
        call = asyncio.ensure_future(self._grade(function))
        call.add_done_callback(self._note_grade)
        return await self._wait_for(call)

    async def _grade(self, function: Callable[[], T]) -> T:
        async with self._graders:
            return await self._run(function)

    def _note_grade(self, call: "asyncio.Future[Any]") -> None:
        self._waiting -= 1
        _retrieve_error(call)

    async def run(self, function: Callable[[], T]) -> T:
        """Return what *function* returns, in a thread; its errors as ApiError."""
        return await self._run(function)

    async def close(self, opened: OpenEnvironment) -> None:
        """Close an environment, after the request that uses it."""
        opened.is_closing = True
        try:
            if opened.call:
                await asyncio.wait({opened.call})
            if opened.environment is not None:
                await self._run(opened.environment.close)
                log.debug("%s: closed %s", opened.instance_id, opened.id)
        finally:
            self._open.pop(opened.id, None)
            self._left.set()

    async def close_idle(self) -> None:
        """Close environments that nobody uses, for as long as the server runs."""
        while True:
            await asyncio.sleep(min(self.options.idle_seconds / 4, MAX_WATCH_SECONDS))
            idle = [it for it in self.list_open() if it.idle_seconds > self.options.idle_seconds]
            for opened in idle:
                log.info("%s: closing %s, which nobody uses", opened.instance_id, opened.id)
                opened.is_closing = True
                self._watch_closing(asyncio.ensure_future(self.close(opened)))

    def begin_closing(self, seconds: float) -> None:
        """Refuse new requests, and after *seconds* those that wait; called from any thread."""

        def end_requests() -> None:
            if not self._ending.done():
                self._ending.set_result(None)

        self.is_closing = True
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, end_requests)

    async def close_all(self, seconds: float) -> None:
        """Close all environments; those in use end with the process, and others after *seconds*."""
        self.is_closing = True
        closing = [
            asyncio.ensure_future(self.close(it)) for it in self._open.values() if not it.is_busy
        ]
        for task in closing:
            self._watch_closing(task)
        if closing:
            await asyncio.wait(closing, timeout=seconds)

    def _watch_closing(self, task: "asyncio.Future[None]") -> None:
        """Keep *task*, which the event loop alone would not, and log its error."""

        def note_end(ended: "asyncio.Future[None]") -> None:
            self._closing.discard(ended)
            if error := _retrieve_error(ended):
                log.warning("an environment was not closed cleanly: %s", error)

        self._closing.add(task)
        task.add_done_callback(note_end)

    async def _add(
        self, opened: OpenEnvironment, make: EnvironmentMaker, *, in_episode: bool = False
    ) -> None:
        async def run() -> None:
            try:
                opened.environment = await self._run(make, in_episode=in_episode)
                log.debug("%s: opened %s", opened.instance_id, opened.id)
            except BaseException:
                self._open.pop(opened.id, None)
                raise

        self._open[opened.id] = opened
        await self._start(opened, "", run)

    async def _start(
        self, opened: OpenEnvironment, key: str, function: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        """Start a call, which ends even if this is cancelled; return its result."""
        if key and key == opened.call_key and opened.call is not None:
            known: asyncio.Future[T] = opened.call
            return await self._wait_for(known)
        self._refuse_if_closing()
        if opened.is_busy:
            raise ApiError(
                ErrorKind.BUSY,
                "Another request uses this environment.",
                hint="Send one request at a time; open or fork an environment for more.",
            )
        call = asyncio.ensure_future(function())
        opened.call_key, opened.call = key, call
        call.add_done_callback(lambda ended: _note_end(opened, ended))
        return await self._wait_for(call)

    async def _run(self, function: Callable[[], T], *, in_episode: bool = False) -> T:
        try:
            return await run_in_thread(function)
        except Exception as error:
            raise translate_error(error, in_episode=in_episode) from error

    async def _wait_for(self, call: "asyncio.Future[T]") -> T:
        """Return the result of *call*, which goes on if this is cancelled, or the server ends."""
        waited: set[asyncio.Future[Any]] = {call, self._ending}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if call.done():
            return call.result()
        raise ApiError(ErrorKind.UNAVAILABLE, "The server is shutting down.")

    async def _require_room(self) -> None:
        """Wait for environments that are about to be gone, if need be. Raises ApiError."""
        self._refuse_if_closing()
        while len(self._open) >= self.options.max_environments:
            if not any(it.is_closing and not it.is_busy for it in self._open.values()):
                raise ApiError(
                    ErrorKind.TOO_MANY,
                    f"{len(self._open):,} environments are open, and no more are allowed.",
                    hint="Close one; or start the server with a larger --max-environments.",
                )
            self._left.clear()
            await self._left.wait()

    def _refuse_if_closing(self) -> None:
        if self.is_closing:
            raise ApiError(ErrorKind.UNAVAILABLE, "The server is shutting down.")


def _made(opened: OpenEnvironment) -> Environment:
    assert opened.environment is not None
    return opened.environment


def _note_end(opened: OpenEnvironment, call: "asyncio.Future[Any]") -> None:
    opened.last_used = time.monotonic()
    _retrieve_error(call)


def _retrieve_error(call: "asyncio.Future[Any]") -> BaseException | None:
    """Return the error of *call*, which asyncio logs if nobody asks for it."""
    return None if call.cancelled() else call.exception()
