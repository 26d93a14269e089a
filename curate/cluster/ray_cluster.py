"""A Ray cluster: one actor a node, with as many slots as the node has CPUs.

A node with the resource `curate` (`ray start --resources '{"curate": N}'`) has N slots instead.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from curate.cluster.errors import RESUME, ClusterError
from curate.cluster.slots import WorkerLostError
from curate.core.errors import ConfigurationError

T = TypeVar("T")

RESOURCE = "curate"
_SPARE_CALLS = 8  # beside those in slots: leases
_CALLBACKS = 4  # threads
_LOST = ("RayActorError", "ActorDiedError", "ActorUnavailableError", "OwnerDiedError")


class RayCluster:
    """Calls functions on the nodes of the cluster at *address*, "ray://HOST:PORT"."""

    shares_builds = False

    def __init__(self, address: str) -> None:
        """Raises ClusterError if the head node does not respond."""
        try:
            import ray
        except ImportError as error:
            raise ConfigurationError(
                "--cluster ray:// needs the package ray.",
                hint="Run: pip install 'swe-curate[ray]'",
            ) from error
        self._ray, self._address = ray, address
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except Exception as error:
            raise self._gone(error) from error
        self._callbacks = ThreadPoolExecutor(_CALLBACKS)
        self._actors: dict[str, Any] = {}  # by name of worker
        self._nodes: dict[str, str] = {}  # id of node -> name of its worker
        self._count = 0

    def list_workers(self) -> Mapping[str, int]:
        """Return worker -> slots; an actor is started on each node that has none."""
        try:
            nodes = {it["NodeID"]: it for it in self._ray.nodes() if it["Alive"]}
        except Exception as error:
            raise self._gone(error) from error
        for node in [it for it in self._nodes if it not in nodes]:
            self._actors.pop(self._nodes.pop(node), None)
        for node, facts in nodes.items():
            if node not in self._nodes and _count_slots(facts) > 0:
                self._start_actor(node, facts)
        return {name: _count_slots(nodes[node]) for node, name in self._nodes.items()}

    def submit(self, worker: str, function: Callable[..., T], /, *args: Any) -> "Future[T]":
        """Call *function* in a thread of the actor."""
        future: Future[T] = Future()
        actor = self._actors.get(worker)
        if actor is None:
            future.set_exception(WorkerLostError(worker, "its actor has died"))
            return future
        try:
            answer = actor.call.remote(function, *args).future()
        except Exception as error:
            future.set_exception(self._explain(worker, error))
            return future
        # Not in Ray's own thread, for which those wait that hold the locks of the callback.
        answer.add_done_callback(
            lambda done: self._callbacks.submit(self._settle, worker, future, done)
        )
        return future

    call = submit

    def forget(self, futures: "list[Future[Any]]") -> None:
        """Do nothing: what is not waited for is dropped."""

    def close(self) -> None:
        """End the actors, and disconnect."""
        for actor in self._actors.values():
            with suppress(Exception):
                self._ray.kill(actor)
        with suppress(Exception):
            self._ray.shutdown()
        self._callbacks.shutdown(wait=False, cancel_futures=True)

    def _start_actor(self, node: str, facts: Mapping[str, Any]) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._count += 1
        name, slots = f"{facts['NodeManagerHostname']}-{self._count}", _count_slots(facts)
        is_named = RESOURCE in facts["Resources"]
        self._actors[name] = (
            self._ray.remote(_Caller)
            .options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
                num_cpus=0 if is_named else slots,
                resources={RESOURCE: slots} if is_named else None,
                max_concurrency=slots + _SPARE_CALLS,
                max_restarts=0,
            )
            .remote()
        )
        self._nodes[node] = name

    def _settle(self, worker: str, future: "Future[Any]", done: "Future[Any]") -> None:
        with suppress(InvalidStateError):
            if done.cancelled():
                future.cancel()
            elif error := done.exception():
                future.set_exception(self._explain(worker, error))
            else:
                future.set_result(done.result())

    def _explain(self, worker: str, error: BaseException) -> BaseException:
        """Return the error of a call; an actor that has died is replaced at the next listing."""
        if type(error).__name__ in _LOST:
            self._actors.pop(worker, None)
            self._nodes = {node: name for node, name in self._nodes.items() if name != worker}
            return WorkerLostError(worker, "its actor has died")
        return getattr(error, "cause", None) or error

    def _gone(self, error: BaseException) -> ClusterError:
        detail = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        return ClusterError(
            f"The Ray cluster at {self._address} does not respond ({detail}).",
            hint=f"Start it, or correct --cluster. {RESUME}",
        )


class _Caller:
    """The actor."""

    def call(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)


def _count_slots(facts: Mapping[str, Any]) -> int:
    resources = facts["Resources"]
    return int(resources.get(RESOURCE, 0) or resources.get("CPU", 0))
