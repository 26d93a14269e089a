"""Certifications that are killed with -9 are finished by the same command, each done once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import docker
import pytest

from curate.builders.sandbox.docker import OWNER_LABEL
from curate.core.settings import Settings
from curate.publish.release import compute_checksums
from curate.releases.certificate import find_certificate_problems, read_certificate
from curate.releases.reader import iter_rows
from curate.releases.row import get_str
from curate.store import Store
from tests.integration.test_certify import World, name_of, world
from tests.integration.test_eval_check import ROOT, run

__all__ = ["world"]  # the fixture
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("containers"),
]
KILLS, SEED = 4, 3
KEPT = name_of(1)  # whose image is here already when the first command begins


def start(world: World) -> subprocess.Popen[str]:
    """Begin the command in a session of its own."""
    command = [sys.executable, "-m", "curate", "certify", "data/release", "--all", "-j", "2"]
    return subprocess.Popen(
        [*command, "--json"],
        cwd=world.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def count_certified(world: World) -> int:
    with Store(world.folder / "data") as store:
        return len(store.certifications.newest(world.references))


def list_pulled(client: docker.DockerClient, world: World, since: int) -> Counter[str]:
    """Return how often each image of the world's registry was pulled."""
    filters = {"type": "image", "event": "pull"}
    events = client.events(since=since, until=int(time.time()) + 1, filters=filters, decode=True)
    names = (event["Actor"]["Attributes"].get("name", "") for event in events)
    return Counter(name for name in names if world.registry.partition("/")[2] in name)


def list_here(client: docker.DockerClient, world: World) -> set[str]:
    """Return the names by digest of the registry's images that the engine has."""
    images: list[dict[str, Any]] = client.api.images()
    found = {name for image in images for name in image["RepoDigests"] or ()}
    return {name for name in found if name.startswith(world.registry)}


def test_killed_certifications_are_finished_and_leave_nothing(
    client: docker.DockerClient, world: World
) -> None:
    publish = ("--registry", world.registry, "--no-verify")
    run(world.folder, "publish", *publish)
    release = world.folder / "data/release"
    names = [get_str(it, "instance_id") for it in iter_rows(release, "train", ["instance_id"])]
    assert len(names) >= 3 and KEPT in names
    repository, _, digest = world.references[KEPT].partition("@")
    client.images.pull(repository, digest)
    before = list_here(client, world)
    chance, since, done = random.Random(SEED), int(time.time()), 0
    for turn in range(KILLS):
        process = start(world)
        wanted = turn * len(names) // KILLS
        while count_certified(world) < wanted and process.poll() is None:
            time.sleep(0.2)
        time.sleep(chance.uniform(1.5, 4))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            done += 1
        process.communicate()
        if (release / "CERTIFICATE.json").exists():
            content = read_certificate(release)
            assert not find_certificate_problems(content, compute_checksums(release))
    assert done >= KILLS // 2
    out, said = (last := start(world)).communicate(timeout=300)
    assert last.returncode in (0, 1), said  # 1 = not all are what they were
    assert json.loads(out)["errors"] == {}
    with Store(world.folder / "data") as store:
        counts = {name: len(store.certifications.history(name)) for name in names}
    assert counts == dict.fromkeys(names, 1)
    pulls = list_pulled(client, world, since)
    assert sum(pulls.values()) <= len(names) + 2 * done, pulls  # two were under way
    assert list_here(client, world) == before
    owner = Settings(data_dir=world.folder / "data").run_owner
    label = f"{OWNER_LABEL}={owner}-certification"
    assert not client.containers.list(all=True, filters={"label": label})
    content = read_certificate(release)
    assert content["counts"]["never_certified"] == 0
    again, _ = start(world).communicate(timeout=120)
    assert json.loads(again)["certifications"] == []
    assert list_pulled(client, world, since) == pulls
    assert read_certificate(release) == content
