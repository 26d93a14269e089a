"""Container engines of the workers of a cluster, one each, with a data root of its own."""

from contextlib import ExitStack
from functools import partial

from tests.helpers.cluster_scene import ClusterScene
from tests.helpers.private_engine import PrivateEngine


def start_engines(stack: ExitStack, scene: ClusterScene) -> dict[str, PrivateEngine]:
    """Start the engines of all workers of *scene*, until *stack* is left; return them by worker."""
    engines = {}
    for name in scene.workers:
        machine = partial(scene.cluster.lab.run_on, name)
        engine = PrivateEngine(scene.folder / f"e{name}", machine=machine)
        engines[name] = stack.enter_context(engine)
        scene.worker_variables[name] = {"DOCKER_HOST": engine.host}
    scene.sandbox = "docker"
    scene.list_containers = lambda name: _list_containers(engines[name])
    return engines


def _list_containers(engine: PrivateEngine) -> list[str]:
    found = engine.client.containers.list(all=True, ignore_removed=True)
    return [str(container.name) for container in found]
