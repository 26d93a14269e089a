"""Blocking work for an event loop, in threads that the end of the process does not wait for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def run_in_thread(function: Callable[[], T]) -> T:
    """Return what *function* returns. It goes on if this is cancelled, or the loop ends."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]  # a result, if there is no error
        else:
            future.set_exception(error)

    def work() -> None:
        try:
            ended: tuple[T | None, BaseException | None] = (function(), None)
        except BaseException as error:
            ended = (None, error)
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, *ended)

    threading.Thread(target=work, name="curate-serve-call", daemon=True).start()
    return await future
