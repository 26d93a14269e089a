"""The asyncio twin of an environment."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from curate.gym.environment import Environment, Info, Observation

if TYPE_CHECKING:
    from curate.harness.grade import Grade

P = ParamSpec("P")
T = TypeVar("T")


class AsyncEnvironment:
    """An `Environment` whose methods are awaited; each waits in a thread of its own.

    So any number of environments can be at work at once. Calls of one environment run in the order
    in which they were made. A call that is canceled goes on in its thread until it ends.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="curate-gym")

    async def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """`Environment.reset`."""
        return await self._call(self.environment.reset, seed=seed, options=options)

    async def step(self, command: str) -> tuple[Observation, float, bool, bool, Info]:
        """`Environment.step`."""
        return await self._call(self.environment.step, command)

    async def submit(self, patch: bytes | str | None = None) -> "Grade":
        """`Environment.submit`."""
        return await self._call(self.environment.submit, patch)

    async def diff(self) -> bytes:
        """`Environment.diff`."""
        return await self._call(self.environment.diff)

    async def snapshot(self) -> str:
        """`Environment.snapshot`."""
        return await self._call(self.environment.snapshot)

    async def restore(self, name: str) -> None:
        """`Environment.restore`."""
        await self._call(self.environment.restore, name)

    async def fork(self) -> "AsyncEnvironment":
        """`Environment.fork`."""
        return AsyncEnvironment(await self._call(self.environment.fork))

    async def close(self) -> None:
        """`Environment.close`."""
        try:
            await self._call(self.environment.close)
        finally:
            self._executor.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(self, method: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: method(*args, **options))
