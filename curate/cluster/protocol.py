"""What a cluster must be able to do; Dask, Ray and processes of this machine are behind it."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Cluster(Protocol):
    """Workers by name; functions are passed by reference, so workers need the same curate."""

    shares_builds: bool  # whether all workers see what one of them has built

    def list_workers(self) -> Mapping[str, int]:
        """Return name -> slots. Raises ClusterError while the scheduler does not respond."""
        ...

    def submit(self, worker: str, function: Callable[..., T], /, *args: Any) -> "Future[T]":
        """Call *function* in a slot of *worker*.

        The future has a WorkerLostError where the cluster finds out that the worker is gone.
        """
        ...

    def call(self, worker: str, function: Callable[..., T], /, *args: Any) -> "Future[T]":
        """Call *function*, which must be quick, on *worker* beside what is in its slots."""
        ...

    def forget(self, futures: "list[Future[Any]]") -> None:
        """Drop these results, if they still come, and do not begin what has not begun."""
        ...

    def close(self) -> None:
        """Disconnect; the cluster stays."""
        ...
