"""A Dask cluster: `dask scheduler` and workers, each with as many slots as it has threads.

A worker with `--resources curate=N` has N slots instead.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from curate.cluster.errors import RESUME, ClusterError
from curate.cluster.slots import WorkerLostError
from curate.core.errors import ConfigurationError

if TYPE_CHECKING:
    pass

T = TypeVar("T")

CONNECT_SECONDS = 20
RESOURCE = "curate"
_CALLS = 64  # at once; those to workers that are cut off wait for their time to run out


class DaskCluster:
    """Calls functions on the workers of the scheduler at *address*, "tcp://HOST:PORT"."""

    shares_builds = False

    def __init__(self, address: str) -> None:
        """Raises ClusterError if the scheduler does not respond."""
        try:
            import distributed
        except ImportError as error:
            raise ConfigurationError(
                "--cluster dask:// needs the package distributed.",
                hint="Run: pip install 'swe-curate[dask]'",
            ) from error
        self._address = address
        try:
            self._client: distributed.Client = distributed.Client(
                address, timeout=CONNECT_SECONDS, set_as_default=False, name="curate"
            )
        except (OSError, ValueError, TimeoutError, RuntimeError) as error:
            raise self._gone(error) from error
        self._calls = ThreadPoolExecutor(_CALLS)
        self._tasks: dict[Future[Any], Any] = {}  # ours -> Dask's, which must not be collected

    def list_workers(self) -> Mapping[str, int]:
        """Return address -> slots."""
        try:
            # Not `scheduler_info`: another update of the client may have emptied what it returns.
            ask, timeout = self._client.scheduler.identity, CONNECT_SECONDS
            workers = self._client.sync(ask, n_workers=-1, callback_timeout=timeout)["workers"]
        except Exception as error:  # of many kinds, none of them public
            raise self._gone(error) from error
        return {name: _count_slots(facts) for name, facts in workers.items()}

    def submit(self, worker: str, function: Callable[..., T], /, *args: Any) -> "Future[T]":
        """Call *function* in a thread of *worker*."""
        future: Future[T] = Future()
        key = f"curate-{secrets.token_hex(8)}"
        try:
            task = self._client.submit(
                function, *args, key=key, workers=[worker], allow_other_workers=False, pure=False
            )
        except Exception as error:
            future.set_exception(WorkerLostError(worker, f"{type(error).__name__}: {error}"))
            return future
        self._tasks[future] = task
        task.add_done_callback(lambda done: self._settle(worker, future, done))
        return future

    def call(self, worker: str, function: Callable[..., T], /, *args: Any) -> "Future[T]":
        """Call *function* in a thread of its own on *worker*."""
        return self._calls.submit(self._run, worker, function, args)

    def forget(self, futures: "list[Future[Any]]") -> None:
        """Cancel the tasks."""
        tasks = [self._tasks.pop(it) for it in futures if it in self._tasks]
        if tasks:
            self._calls.submit(self._client.cancel, tasks, force=True)

    def close(self) -> None:
        """Disconnect from the scheduler."""
        self._calls.shutdown(wait=False, cancel_futures=True)
        with suppress(Exception):
            self._client.close(timeout=5)

    def _run(self, worker: str, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        result: dict[str, T] = self._client.run(_in_thread, function, args, workers=[worker])
        return result[worker]

    def _settle(self, worker: str, future: "Future[Any]", task: Any) -> None:
        self._tasks.pop(future, None)
        with suppress(InvalidStateError):
            if task.status == "finished":
                try:
                    future.set_result(task.result(timeout=60))
                except Exception as error:
                    future.set_exception(WorkerLostError(worker, f"its result is lost: {error}"))
            elif task.status == "error":
                future.set_exception(_explain(worker, task.exception()))
            else:
                future.set_exception(WorkerLostError(worker, f"its task is {task.status}"))

    def _gone(self, error: BaseException) -> ClusterError:
        detail = f"{type(error).__name__}: {error}".rstrip(": ")
        return ClusterError(
            f"The Dask scheduler at {self._address} does not respond ({detail}).",
            hint=f"Start it, or correct --cluster. {RESUME}",
        )


async def _in_thread(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    return await asyncio.to_thread(function, *args)


def _count_slots(facts: Mapping[str, Any]) -> int:
    return int(facts.get("resources", {}).get(RESOURCE, 0) or facts["nthreads"])


def _explain(worker: str, error: BaseException) -> BaseException:
    """Return the error of a task; that of a lost worker as such."""
    if type(error).__name__ in ("KilledWorker", "NoValidWorkerError"):
        return WorkerLostError(worker, "it has died")
    return error
