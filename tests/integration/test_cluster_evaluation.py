"""Patches are graded on real clusters whose parts are killed, cut off and restarted.

Scheduler, driver and workers are machines of a network of their own. Each worker has a container
engine with a data root of its own, which pulls the images of a release from a registry. In the end
the reports are those of an undisturbed run.
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from curate.builders.engine.registry import push_image
from curate.publish.rows import CodebaseFacts, PublishedImage
from curate.store import Store
from tests.functional.test_eval_script import git, patch_of
from tests.helpers.clients import client_program, is_installed
from tests.helpers.cluster_engines import start_engines
from tests.helpers.cluster_lab import ClusterLab, DaskLab, RayLab, wait_until
from tests.helpers.cluster_scene import COUNT, ClusterScene, cluster_lab, short_folder
from tests.helpers.containers import project_image
from tests.helpers.factories import make_candidate, make_validation
from tests.helpers.network_lab import available
from tests.helpers.releases import released, train_row
from tests.integration.test_ray_cluster import restart_head_node

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("cluster"),
    pytest.mark.skipif(not available(), reason="network namespaces need root and ip"),
    pytest.mark.skipif(
        "CURATE_INTEGRATION" not in os.environ, reason="CURATE_INTEGRATION names no engine"
    ),
]
MODELS = ("good", "weak", "broken")
INSTANCES = COUNT // len(MODELS)
PER_IMAGE = INSTANCES // 2
SECONDS = 3  # of a test: long enough to be interrupted
FILES = {
    "thing.py": "def save(path):\n    return None\n",
    "tests/test_old.py": "def test_old(): pass\n",
}
GOLD = b"def save(path):\n    return open(path, 'w')\n"
PATCHES = {
    "good": GOLD,
    "weak": b"def save(path):\n    return path\n",
    "broken": b"def save(path)\n    return path\n",
}
TEST = f"""\
import time

import thing


def test_new(tmp_path):
    time.sleep({SECONDS})
    assert thing.save(tmp_path / "x").writable()
"""
NEW, OLD = "tests/test_new.py::test_new", "tests/test_old.py::test_old"
REASONS = {"good": "resolved", "weak": "tests-failed", "broken": "tests-failed"}


def write_inputs(folder: Path, images: Mapping[int, tuple[PublishedImage, str]]) -> None:
    """Write a release, and predictions of three models, into *folder*.

    *images* are those of the instances, each with the commit that it has.
    """
    checkout = folder / "testbed1"
    patches = {name: patch_of(checkout, {"thing.py": text}) for name, text in PATCHES.items()}
    tests = patch_of(checkout, {"tests/test_new.py": TEST.encode()})
    known = make_validation()
    verdict = replace(known.verdict, fail_to_pass=(NEW,), pass_to_pass=(OLD,), pre_fix_outcomes={})
    rows, lines = [], []
    for number, (image, commit) in images.items():
        one = make_candidate(
            number, base_commit=commit, patch=patches["good"], test_patch=tests,
            problem_statement=f"It does not save {'very ' * number} well.",
        )  # fmt: skip
        command = "python -m pytest -q -p no:cacheprovider tests"
        validation = make_validation(number, verdict=verdict, test_command=command)
        rows.append(train_row(one, validation, image, CodebaseFacts()))
        for model in MODELS:
            lines.append({
                "instance_id": one.instance_id,
                "model_name_or_path": model,
                "model_patch": patches[model].decode(),
            })  # fmt: skip
    released(folder / "release", *rows)
    (folder / "predictions.jsonl").write_text("\n".join(map(json.dumps, lines)))


@pytest.fixture
def folder(client: docker.DockerClient, image_with_python: str) -> Iterator[Path]:
    """A release whose images are in the registry under the name that the network has for it."""
    host, _, port = os.environ["CURATE_TEST_REGISTRY"].rpartition(":")
    name = f"cluster-{secrets.token_hex(4)}"
    images: dict[int, tuple[PublishedImage, str]] = {}
    with short_folder() as folder, ExitStack() as stack:
        for number in range(1, INSTANCES + 1, PER_IMAGE):
            files = {**FILES, "number.txt": str(number)}
            place = folder / f"testbed{number}"
            built = stack.enter_context(project_image(client, image_with_python, place, files))
            repository = f"{host}:{port}/{name}/i{number}"
            pushed = push_image(client, built.handle, repository, "latest")
            client.images.remove(f"{repository}:latest", noprune=True)
            digest = pushed.reference.partition("@")[2]
            reference = f"10.77.0.1:{port}/{name}/i{number}@{digest}"
            image = PublishedImage(reference=reference, digest=digest)
            commit = git(place, "rev-parse", "HEAD").decode().strip()
            images |= dict.fromkeys(range(number, number + PER_IMAGE), (image, commit))
        write_inputs(folder, images)
        Store(folder / "data").close()
        Store(folder / "before").close()
        yield folder


def open_scene(
    stack: ExitStack, folder: Path, kind: type[ClusterLab], python: str, workers: tuple[str, ...]
) -> ClusterScene:
    """A command that grades on *workers* with engines of their own, which have started."""
    port = int(os.environ["CURATE_TEST_REGISTRY"].rpartition(":")[2])
    variables = {
        "CURATE_DATA_DIR": str(folder / "data"),
        "CURATE_CACHE_DIR": str(folder / "cache"),
    }
    lab = cluster_lab(kind, python, folder, workers, {port: port}, variables)
    scene = ClusterScene(
        cluster=stack.enter_context(lab),
        folder=folder,
        workers=workers,
        command=("evaluate", "predictions.jsonl", "--dataset", "release"),
        table="grades",
    )
    start_engines(stack, scene)
    scene.cluster.start_scheduler()
    return scene


def read_reports(data: Path) -> dict[str, Any]:
    """Return all that is in the reports below *data*, but for times and what tests printed."""
    reports = data / "evaluations/predictions"
    found: dict[str, Any] = {}
    for path in sorted(reports.rglob("*")):
        if path.suffix in (".json", ".diff"):
            text = path.read_text()
            content = json.loads(text) if path.suffix == ".json" else text
            if isinstance(content, dict):
                content.pop("seconds", None)
            found[str(path.relative_to(reports))] = content
    return found


def check(scene: ClusterScene) -> None:
    """The command has ended, and its reports are those of a run without a cluster."""
    scene.end()
    assert scene.count_done() == COUNT
    found = read_reports(scene.folder / "data")
    for model, reason in REASONS.items():
        report = found[f"{model}/report.json"]
        assert set(report["reasons"].values()) == {reason}, report
        assert (report["completed_instances"], report["errors"]) == (INSTANCES, {})
    first = scene.workers[0]
    data = scene.repeat_undisturbed(on=first, **scene.worker_variables[first])
    assert found == read_reports(data)


@pytest.mark.skipif(not is_installed("dask"), reason="CURATE_DASK names no Python with Dask")
def test_on_dask(folder: Path) -> None:
    with ExitStack() as stack:
        python = client_program("dask", "python")
        scene = open_scene(stack, folder, DaskLab, python, ("w1", "w2", "w3"))
        for name in scene.workers:
            scene.start_worker(name)
        scene.type_command()
        scene.reach(2)
        scene.kill_worker("w1")
        scene.reach(4)
        scene.kill_driver()
        scene.reach(7)
        scene.restart_scheduler(seconds=10)
        scene.reach(12)
        scene.cut_worker_off("w2")  # as long as others need for the rest
        check(scene)


@pytest.mark.skipif(not is_installed("ray"), reason="CURATE_RAY names no Python with Ray")
def test_on_ray(folder: Path) -> None:
    with ExitStack() as stack:
        scene = open_scene(stack, folder, RayLab, client_program("ray", "python"), ("w1", "w2"))
        log = folder / "sched.log"
        wait_until(lambda: "--block" in log.read_text(), 120, "the head node has started")
        for name in scene.workers:
            scene.start_worker(name)
        scene.type_command()
        scene.reach(2)
        scene.kill_worker("w1")
        scene.reach(4)
        scene.kill_driver()
        scene.reach(7)
        restart_head_node(scene)
        scene.reach(12)
        scene.cut_worker_off("w2")
        check(scene)
