"""Pushes of images that are killed with -9 are finished by the same command, nothing sent twice."""

import io
import json
import os
import random
import re
import secrets
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from curate.builders.engine.client import connect_to_engine
from curate.builders.engine.registry import verify_image
from curate.releases.image_names import image_repository_name
from curate.store import Store
from tests.helpers.fakes import not_none
from tests.helpers.image_push import push_command, save_verified
from tests.helpers.image_tags import list_tags

IMAGES, BYTES, SEED = 6, 16 << 20, 5
_PUSHED = re.compile(r"pushed (\S+): ([\d.]+) MB")


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    return connect_to_engine()


@pytest.fixture
def built(client: docker.DockerClient, tmp_path: Path) -> Iterator[str]:
    """A store of verified instances with an image each; the registry's namespace for them."""
    name = f"curate-test/{secrets.token_hex(6)}"
    with Store(tmp_path / "data") as store:
        for number in range(1, IMAGES + 1):
            save_verified(store, number, f"{name}:{number}", _image(client, name, str(number)))
    yield f"{os.environ['CURATE_TEST_REGISTRY']}/{name}"
    for tag in list_tags(client):
        if name in tag:
            client.images.remove(tag, force=True)


def _image(client: docker.DockerClient, repository: str, tag: str) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("file")
        member.size = BYTES
        tar.addfile(member, io.BytesIO(secrets.token_bytes(BYTES)))
    client.api.import_image_from_data(buffer.getvalue(), repository=repository, tag=tag)
    return not_none(client.images.get(f"{repository}:{tag}").id)


def _start(folder: Path, registry: str) -> subprocess.Popen[str]:
    command, variables = push_command(registry)
    return subprocess.Popen(
        [*command, "--json"],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _killed_behind(
    process: subprocess.Popen[str], count: int, chance: random.Random
) -> list[tuple[str, str]]:
    """Kill *process* a moment after it has told of *count* pushes; what it told in all."""
    told: list[tuple[str, str]] = []
    assert process.stderr
    for line in process.stderr:
        told += _PUSHED.findall(line)
        if len(told) == count or ("together" in line and not count):
            time.sleep(chance.uniform(0, 0.4))
            os.killpg(process.pid, signal.SIGKILL)
            break
    told += _PUSHED.findall(process.stderr.read())
    process.communicate()
    return told


def test_killed_pushes_are_finished_and_nothing_is_sent_twice(
    client: docker.DockerClient, built: str, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    told: list[tuple[str, str]] = []
    for count in (0, 1, 1):
        killed = _start(tmp_path, built)
        told += _killed_behind(killed, count, chance)
        assert killed.returncode == -signal.SIGKILL
    assert 0 < len(told) < IMAGES
    out, said = (last := _start(tmp_path, built)).communicate(timeout=300)
    assert last.returncode == 0, said
    told += _PUSHED.findall(said)
    names = [f"owner__name-{number}" for number in range(1, IMAGES + 1)]
    assert {name for name, _ in told} <= set(names)
    assert len({name for name, _ in told}) == len(told), told
    assert json.loads(out)["pushed"] == IMAGES
    with Store(tmp_path / "data") as store:
        places = store.pushed_images(built)
    assert sorted(places) == names
    for name, (_, reference) in places.items():
        assert (
            verify_image(client, f"{image_repository_name(built, name)}:latest")
            == (reference.partition("@")[2])
        )
    again, said = _start(tmp_path, built).communicate(timeout=300)
    assert (_PUSHED.findall(said), json.loads(again)["total_bytes"]) == ([], 0)
