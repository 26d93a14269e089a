"""A validation on a real Ray cluster whose parts are killed, cut off and restarted."""

import time
from collections.abc import Iterator

import pytest

from tests.helpers.clients import client_program, is_installed
from tests.helpers.cluster_lab import RayLab, wait_until
from tests.helpers.cluster_scene import ClusterScene, cluster_scene
from tests.helpers.network_lab import available
from tests.helpers.store_results import read_results

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("cluster"),
    pytest.mark.skipif(not available(), reason="network namespaces need root and ip"),
    pytest.mark.skipif(not is_installed("ray"), reason="CURATE_RAY names no Python with Ray"),
]


@pytest.fixture
def scene() -> Iterator[ClusterScene]:
    """A head node without slots, and two nodes; it listens everywhere, so in the lab alone."""
    with cluster_scene(RayLab, client_program("ray", "python"), ("w1", "w2"), {}) as scene:
        scene.options = ("--runs", "1", "--no-test-strength")
        scene.cluster.start_scheduler()
        log = scene.folder / "sched.log"
        wait_until(lambda: "--block" in log.read_text(), 120, "the head node has started")
        for name in scene.workers:
            scene.start_worker(name)
        yield scene


def test_killed_cut_off_and_restarted(scene: ClusterScene) -> None:
    scene.type_command()
    scene.reach(3)
    scene.kill_worker("w1")
    scene.reach(7)
    scene.cut_worker_off("w2")
    scene.reach(12)
    restart_head_node(scene)
    scene.reach(16)
    scene.kill_driver()
    scene.finish()
    expected = read_results(scene.repeat_undisturbed())
    assert read_results(scene.folder / "data") == expected


def restart_head_node(scene: ClusterScene) -> None:
    """Kill the head, with which a Ray cluster ends, and start a new one; the command ends."""
    scene.restart_scheduler(seconds=0)
    for name in scene.workers:
        scene.cluster.kill(name)
    scene.note("all nodes killed -9, as with their head")
    time.sleep(20)
    scene.revive()
