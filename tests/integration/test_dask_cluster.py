"""A validation on a real Dask cluster whose parts are killed, cut off and restarted.

Scheduler, driver and three workers are machines of a network of their own; each worker has a
container engine with a data root of its own. In the end the store is that of an undisturbed run.
"""

import json
import os
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import pytest

from tests.helpers.clients import client_program, is_installed
from tests.helpers.cluster_engines import start_engines
from tests.helpers.cluster_lab import DaskLab
from tests.helpers.cluster_scene import ClusterScene, cluster_scene
from tests.helpers.network_lab import available
from tests.helpers.private_engine import PrivateEngine
from tests.helpers.store_results import read_results

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("cluster"),
    pytest.mark.skipif(not available(), reason="network namespaces need root and ip"),
    pytest.mark.skipif(not is_installed("dask"), reason="CURATE_DASK names no Python with Dask"),
]
WORKERS = ("w1", "w2", "w3")
needs_engine = pytest.mark.skipif(
    "CURATE_INTEGRATION" not in os.environ, reason="CURATE_INTEGRATION names no engine"
)


def start(scene: ClusterScene) -> None:
    scene.cluster.start_scheduler()
    for name in WORKERS:
        scene.start_worker(name)
    scene.type_command()


def disturb(scene: ClusterScene) -> None:
    """Kill, cut off and restart, so that each worker has to find out."""
    scene.reach(3)
    scene.kill_worker("w1")
    scene.reach(7)
    scene.cut_worker_off("w2")
    scene.reach(12)
    scene.restart_scheduler()
    scene.reach(16)
    scene.kill_driver()


@pytest.fixture
def plain() -> Iterator[ClusterScene]:
    with cluster_scene(DaskLab, client_program("dask", "python"), WORKERS, {}) as scene:
        yield scene


def test_workers_with_local_sandboxes(plain: ClusterScene) -> None:
    start(plain)
    disturb(plain)
    plain.finish()
    expected = read_results(plain.repeat_undisturbed())
    assert read_results(plain.folder / "data") == expected


@pytest.fixture
def with_engines() -> Iterator[tuple[ClusterScene, dict[str, PrivateEngine]]]:
    port = int(os.environ["CURATE_TEST_REGISTRY"].rpartition(":")[2])
    python = client_program("dask", "python")
    with ExitStack() as stack:
        scene = stack.enter_context(cluster_scene(DaskLab, python, WORKERS, {port: port}))
        lab, folder = scene.cluster.lab, scene.folder
        place = f"{lab.hub}:{port}/dask-{secrets.token_hex(4)}"
        scene.cluster.driver_variables["CURATE_LAYER_CACHE_REGISTRY"] = place
        proxies = {"httpProxy": lab.proxy, "httpsProxy": lab.proxy}
        (folder / "docker").mkdir()
        config = json.dumps({"proxies": {"default": proxies}})
        (folder / "docker" / "config.json").write_text(config)
        engines = start_engines(stack, scene)
        for name, engine in engines.items():
            engine.load(os.environ["CURATE_BASE_IMAGE"])
            scene.worker_variables[name]["DOCKER_CONFIG"] = str(folder / "docker")
        scene.options = ("--runs", "1", "--no-test-strength")  # it is about builds
        yield scene, engines


@needs_engine
def test_workers_with_engines_of_their_own(
    with_engines: tuple[ClusterScene, dict[str, PrivateEngine]],
) -> None:
    scene, engines = with_engines
    start(scene)
    disturb(scene)
    scene.finish()
    environments = list_environments(engines.values())
    twice = {tag: ids for tag, ids in environments.items() if len(ids) > 1}
    scene.note(f"{len(environments)} environments built, {len(twice)} of them twice")
    assert environments and not twice
    data = scene.repeat_undisturbed(on="w1", **scene.worker_variables["w1"])
    assert read_results(scene.folder / "data") == read_results(data)


def list_environments(engines: Iterable[PrivateEngine]) -> dict[str, set[str]]:
    """Return the ids of the images of each environment; one that was pulled keeps its id."""
    found: dict[str, set[str]] = defaultdict(set)
    for engine in engines:
        for image in engine.client.images.list(filters={"label": "curate.layer=environment"}):
            for tag in image.tags:
                if tag.startswith("curate/"):
                    found[tag].add(str(image.id))
    return found
