"""Limits of containers that their engine does not hold."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from docker.models.containers import Container

from curate.builders.model import ResourceLimits, RunStatus

# Watches what runs below a process id, within limits; its result returns the limit it reached.
WatchLimits = Callable[
    [int, ResourceLimits], AbstractContextManager[Callable[[], RunStatus | None]]
]


@contextmanager
def watch_container(
    container: Container, limits: ResourceLimits, watch: WatchLimits | None
) -> Iterator[Callable[[], RunStatus | None]]:
    """Yield a function that returns the limit that *watch* saw *container* reach."""
    if watch is None:
        yield lambda: None
        return
    container.reload()
    with watch(int(container.attrs["State"]["Pid"]), limits) as get_reached:
        yield get_reached
