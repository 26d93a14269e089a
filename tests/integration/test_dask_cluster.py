"""A validation on a real Dask cluster whose parts are killed, cut off and restarted.

Scheduler, driver and three workers are machines of a network of their own; each worker has a
container engine with a data root of its own. In the end the store is that of an undisturbed run.
"""

import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.helpers.clients import client_program, is_installed
from tests.helpers.dask_lab import DRIVER, SCHEDULER, DaskLab, wait_until
from tests.helpers.network_lab import NetworkLab, available
from tests.helpers.private_engine import PrivateEngine
from tests.helpers.sample_candidates import crawled
from tests.helpers.store_results import read_results

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("cluster"),
    pytest.mark.skipif(not available(), reason="network namespaces need root and ip"),
    pytest.mark.skipif(not is_installed("dask"), reason="CURATE_DASK names no Python with Dask"),
    pytest.mark.skipif("CURATE_INTEGRATION" not in os.environ, reason="needs a container engine"),
]
BESIDE = (("packaging>=21", 11), ("six>=1.15", 11))
COUNT = 24  # candidates, in three repositories with locks of their own
WORKERS = ("w1", "w2", "w3")
CUT_SECONDS = 60.0


@dataclass(kw_only=True)
class Scene:
    """The cluster, and a validation on it."""

    dask: DaskLab
    folder: Path
    engines: dict[str, PrivateEngine]
    variables: dict[str, dict[str, str]]  # by worker
    driver: "subprocess.Popen[bytes] | None" = None
    events: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def note(self, event: str) -> None:
        """Add a line to the table of events."""
        self.events.append(f"{time.monotonic() - self.started:6.1f} s  {event}")
        print(self.events[-1], flush=True)

    def validate(self) -> None:
        """Type the command."""
        options = ("--sandbox", "docker", "--cluster", self.dask.address)
        self.driver = self.dask.start_driver("-v", "validate", *options)

    def count_validations(self) -> int:
        """Return how many verdicts are stored."""
        file = self.folder / "data" / "curate.sqlite"
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            return int(database.execute("SELECT COUNT(*) FROM validations").fetchone()[0])

    def reach(self, count: int) -> None:
        """Wait for *count* verdicts; a command that says that it ended is typed again."""
        deadline = time.monotonic() + 900
        while self.count_validations() < count:
            assert self.driver and time.monotonic() < deadline
            if self.driver.poll() is not None:
                assert self.driver.poll() == 3, (self.folder / "driver.log").read_text()[-2000:]
                self.note("the command ended with 3; typed again")
                self.revive()
                self.validate()
            time.sleep(0.2)

    def revive(self) -> None:
        """Start workers that have ended, as a supervisor does."""
        for name in WORKERS:
            if not self.dask.is_running(name):
                self.dask.start_worker(name, **self.variables[name])
                self.note(f"{name} started again")

    def work(self, *names: str) -> list[str]:
        """What runs for a validation on these workers: containers, and processes of curate."""
        found = [
            f"{name}: {container.name}"
            for name in names
            for container in self.engines[name].client.containers.list(
                all=True, ignore_removed=True
            )
        ]
        for name in names:
            for process in self.dask.lab.processes(name):
                line = " ".join(process.cmdline())
                if "curate" in line and not any(it in line for it in _SERVERS):
                    found.append(f"{name}: {line[:200]}")
            found += map(str, (self.folder / name / "cache" / "cluster").glob("curate-worker-*"))
        return found


_SERVERS = ("dask_worker", "room_watchdog", "dockerd", "containerd", "docker-proxy")


@pytest.fixture
def scene() -> Iterator[Scene]:
    folder = Path("/tmp") / f"curate-dask-{secrets.token_hex(3)}"  # sockets need short paths
    folder.mkdir()
    place = f"dask-{secrets.token_hex(4)}"
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        known = stack.enter_context(crawled(folder, BESIDE))
        shutil.copytree(folder / "data", folder / "before", symlinks=True)
        machines = (SCHEDULER, DRIVER, *WORKERS)
        port = int(os.environ["CURATE_TEST_REGISTRY"].rpartition(":")[2])
        lab = stack.enter_context(NetworkLab(secrets.token_hex(3), machines, {port: port}))
        settings = {
            **known,
            "CURATE_SHARED_FILES": f"file://{folder}/shared",
            "CURATE_LAYER_CACHE_REGISTRY": f"{lab.hub}:{port}/{place}",
        }
        proxies = {"httpProxy": lab.proxy, "httpsProxy": lab.proxy}
        (folder / "docker").mkdir()
        (folder / "docker" / "config.json").write_text(
            json.dumps({"proxies": {"default": proxies}})
        )
        engines, variables = {}, {}
        for name in WORKERS:
            engine = PrivateEngine(folder / f"e{name}", machine=partial(_run_on, lab, name))
            engines[name] = stack.enter_context(engine)
            engine.load(os.environ["CURATE_BASE_IMAGE"])
            variables[name] = {"DOCKER_HOST": engine.host, "DOCKER_CONFIG": str(folder / "docker")}
        dask = DaskLab(lab, client_program("dask", "python"), folder, settings)
        stack.callback(dask.close)
        dask.start_scheduler()
        scene = Scene(dask=dask, folder=folder, engines=engines, variables=variables)
        for name in WORKERS:
            dask.start_worker(name, **variables[name])
        yield scene


def _run_on(lab: NetworkLab, name: str, command: list[str]) -> list[str]:
    return lab.on(name, *command)


def test_killed_cut_off_and_restarted(scene: Scene) -> None:
    scene.validate()
    scene.reach(3)
    kill_worker(scene, "w1")
    scene.reach(7)
    cut_worker_off(scene, "w2")
    scene.reach(12)
    restart_scheduler(scene)
    scene.reach(16)
    kill_driver(scene)
    scene.reach(COUNT)
    assert scene.driver and scene.driver.wait(120) == 0
    scene.note("the command ended with 0")
    wait_until(lambda: not scene.work(*WORKERS), 20, "nothing is left on the workers")
    check_results(scene)


def kill_worker(scene: Scene, name: str) -> None:
    """Kill a worker; what it had begun is ended, by a process that outlives it."""
    scene.dask.kill(name)
    scene.note(f"{name} killed -9")
    wait_until(lambda: not scene.work(name), 30, f"the sandboxes of {name} are ended")
    scene.note(f"nothing of {name} is left")
    scene.revive()


def cut_worker_off(scene: Scene, name: str) -> None:
    """Cut a worker off the network; it ends its work once its lease has run out."""
    scene.dask.lab.cut(name)
    scene.note(f"{name} cut off")
    began = time.monotonic()
    wait_until(lambda: not scene.work(name), CUT_SECONDS, f"{name} has ended its work")
    scene.note(f"{name}, cut off, has ended its work")
    time.sleep(max(0, CUT_SECONDS - (time.monotonic() - began)))
    scene.dask.lab.join(name)
    scene.note(f"{name} connected again")
    time.sleep(3)
    scene.revive()


def restart_scheduler(scene: Scene) -> None:
    """Kill the scheduler and start it again; workers end or come back, the driver goes on."""
    scene.dask.kill(SCHEDULER)
    scene.note("scheduler killed -9")
    time.sleep(2)
    scene.dask.start_scheduler()
    scene.note("scheduler started again")
    for _ in range(20):
        scene.revive()
        time.sleep(1)


def kill_driver(scene: Scene) -> None:
    """Kill the driver; the workers notice, and the same command goes on."""
    assert scene.driver
    for process in scene.dask.lab.processes(DRIVER):
        process.send_signal(signal.SIGKILL)
    scene.driver.wait()
    scene.note(f"driver killed -9 with {scene.count_validations()} verdicts")
    wait_until(lambda: not scene.work(*WORKERS), 60, "the workers have ended their work")
    scene.note("the workers have ended their work")
    scene.revive()
    scene.validate()


def check_results(scene: Scene) -> None:
    """Each candidate is recorded once, as an undisturbed run records it, and built once."""
    printed = (scene.folder / "driver.log").read_text().splitlines()
    recorded = Counter(
        line.split()[1].rstrip(":") for line in printed if line.startswith(("VERIFIED", "REJECTED"))
    )
    assert len(recorded) == COUNT and set(recorded.values()) == {1}, recorded
    environments = list_environments(scene)
    twice = {tag: ids for tag, ids in environments.items() if len(ids) > 1}
    scene.note(f"{len(environments)} environments built, {len(twice)} of them twice")
    print("\n".join(scene.events))
    assert environments and not twice
    assert read_results(scene.folder / "data") == read_results(validate_undisturbed(scene))


def list_environments(scene: Scene) -> dict[str, set[str]]:
    """Return the ids of the images of each environment; one that was pulled keeps its id."""
    found: dict[str, set[str]] = defaultdict(set)
    for engine in scene.engines.values():
        for image in engine.client.images.list(filters={"label": "curate.layer=environment"}):
            for tag in image.tags:
                if tag.startswith("curate/"):
                    found[tag].add(str(image.id))
    return found


def validate_undisturbed(scene: Scene) -> Path:
    """Validate the same candidates without a cluster, on the first worker's engine."""
    data, name = scene.folder / "undisturbed", WORKERS[0]
    shutil.copytree(scene.folder / "before", data, symlinks=True)
    cache = str(scene.folder / "cache")
    own = {**scene.variables[name], "CURATE_DATA_DIR": str(data), "CURATE_CACHE_DIR": cache}
    process = scene.dask.start_driver("validate", on=name, log="undisturbed.log", **own)
    assert process.wait(1800) == 0, (scene.folder / "undisturbed.log").read_text()[-2000:]
    return data
