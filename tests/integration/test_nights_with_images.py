"""Nights with a real engine and a registry of their own: it loses an image, and goes down."""

import io
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from curate.store import Store
from tests.doubles.github.samples import stamp
from tests.helpers.fakes import not_none
from tests.helpers.image_push import save_verified
from tests.helpers.image_tags import list_tags, remove_images
from tests.helpers.nights import BIRDS, STONES, NightWorld, night_world

ROOT = Path(__file__).parents[2]


@dataclass
class OwnRegistry:
    """A registry on loopback whose files are in *folder*."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}/lab"

    def start(self) -> None:
        config = self.folder / "config.yml"
        self.folder.mkdir(exist_ok=True)
        config.write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {self.folder}/files}}}}\n"
            f"http: {{addr: '127.0.0.1:{self.port}'}}\n"
        )
        program = not_none(shutil.which("docker-registry"))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([program, "serve", str(config)], **quiet)  # type: ignore[call-overload]
        while True:
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[OwnRegistry]:
    if not shutil.which("docker-registry"):
        pytest.skip("needs docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = OwnRegistry(tmp_path / "registry", free.getsockname()[1])
    own.start()
    yield own
    own.stop()


@pytest.fixture
def images(tmp_path: Path) -> Iterator[list[str]]:
    """The ids of two images of a few bytes."""
    client, made = docker.from_env(), []
    for number in (1, 2):
        (tmp_path / "file").write_text(f"{tmp_path} {number}")
        command = ["tar", "-C", str(tmp_path), "-c", "file"]
        packed = subprocess.run(command, capture_output=True, check=True).stdout
        answer = client.api.import_image_from_data(
            packed, repository="curate-nights", tag=f"{number}"
        )
        made.append(str(json.loads(answer.splitlines()[-1])["status"]))
    yield made
    for name in made:
        client.images.remove(name, force=True)


@pytest.mark.heavy
def test_an_image_that_the_registry_lost_is_told_pushed_again_and_an_outage_stops_no_night(
    tmp_path: Path, registry: OwnRegistry, images: list[str]
) -> None:
    with Store(tmp_path / "data") as store:
        save_verified(store, 7, images[0], images[0])

    def night(*options: str, publish: bool = True) -> Any:
        command = [sys.executable, "-m", "curate", "rebuild", "owner/name", "--max-time", "0s"]
        command += ["--registry", registry.name, "--json", *options]
        command += ["--publish"] if publish else []
        own = {**os.environ, "PYTHONPATH": str(ROOT), "CURATE_DATA_DIR": "data"}
        done = subprocess.run(
            command, cwd=tmp_path, env=own, capture_output=True, text=True, check=False
        )
        return done.returncode, json.loads(done.stdout)

    code, first = night()
    assert (code, first["release"]["images"], first["release"]["rows"]["train"]) == (0, 1, 1)
    assert not night()[1]["release"]["is_written"]

    registry.stop()
    code, down = night()  # nothing is to be pushed, so nobody notices
    assert (code, down["release"]["is_written"]) == (0, False)
    with Store(tmp_path / "data") as store:
        save_verified(store, 9, images[1], images[1])
    code, down = night()
    assert (code, down["release"], list(down["problems"])) == (3, None, ["release"])
    kept = (tmp_path / "data/release/SHA256SUMS").read_bytes()

    registry.start()
    code, back = night()
    assert (code, back["release"]["rows"]["train"]) == (0, 2)
    assert (tmp_path / "data/release/SHA256SUMS").read_bytes() != kept

    registry.stop()
    shutil.rmtree(registry.folder / "files")
    registry.start()
    code, lost = night("--certify", "100%", "--max-time", "5m", publish=False)
    assert lost["certification"]["counts"]["image-missing"] == 2, lost
    assert "no longer has it" in lost["certification"]["drift"][0]["message"]
    assert lost["release"]["rows"].get("train", 0) == 0
    code, back = night()
    assert back["release"]["rows"]["train"] == 2
    listed = subprocess.run(
        ["ls", str(registry.folder / "files/docker/registry/v2/repositories/lab")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(listed.stdout.split()) == 2


@pytest.fixture
def namespace() -> Iterator[str]:
    """A namespace for images, which are removed in the end."""
    name = f"curate-nights-{secrets.token_hex(4)}"
    yield name
    remove_images(name, f"{os.environ['CURATE_TEST_REGISTRY']}/{name}")


def derive_base(tag: str, start: str, command: str) -> str:
    """Build a base image on *start*; return its name."""
    text = f"FROM {start}\nRUN {command}\n".encode()
    docker.from_env().images.build(fileobj=io.BytesIO(text), tag=tag, rm=True, forcerm=True)
    return tag


def list_layers(image: str) -> list[str]:
    """Return the digests of the file systems of *image*, from the bottom up."""
    return list(docker.from_env().images.get(image).attrs["RootFS"]["Layers"])


def rests_on(world: NightWorld, name: str, base: list[str]) -> bool:
    """Whether the image of the instance *name* has the layers of *base* below its own."""
    env = not_none(world.validations()[name].environment)
    return list_layers(env.handle)[: len(base)] == base


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@pytest.mark.xdist_group("builds")
def test_a_new_base_image_is_for_new_environments_and_the_old_ones_are_known(
    tmp_path: Path, namespace: str
) -> None:
    place = f"{os.environ['CURATE_TEST_REGISTRY']}/{namespace}"
    old = os.environ["CURATE_BASE_IMAGE"]
    with night_world(tmp_path, "docker") as world:
        world.variables["CURATE_IMAGE_NAMESPACE"] = namespace
        birds, stones = world.projects[BIRDS], world.projects[STONES]
        for project in (birds, stones):
            project.add_pull(10)
        birds.add_pull(20)
        pushed = ("--publish", "--registry", place)
        first = world.rebuild_apart(*pushed)
        assert (first.code, first.totals("verified")) == (0, (3,)), first.done.stderr
        assert first.document["base_images"]["instances"] == {old: 3}
        assert "Base images" not in first.report
        layers = list_layers(old)
        assert rests_on(world, "birds-10", layers)
        references = {
            name: it for name, it in read_pushed(world, place).items() if name != "lab__birds-20"
        }

        # the packages of the base layer are there already, which saves their download
        built = next(
            it for it in list_tags(docker.from_env()) if it.startswith(f"{namespace}/base:")
        )
        new = derive_base(f"{namespace}-base:second", built, "userdel --remove curate")
        remove_images(f"{namespace}/", place)
        world.variables["CURATE_BASE_IMAGE"] = new
        birds.add_pull(30)
        birds.data.pulls[20] |= {
            "baseRefOid": birds.history.git("rev-list", "--max-parents=0", "HEAD"),
            "baseRefName": "maintenance",
            "updatedAt": stamp(24 * 41),
        }
        second = world.rebuild_apart(*pushed, "--certify", "100%")
        assert (second.code, second.totals("verified", "attempted")) == (0, (2, 2)), second.report
        assert second.document["base_images"] == {
            "current": new, "instances": {old: 2, new: 2}, "has_moved": False,
        }  # fmt: skip
        assert f"Instances that keep {old}: 2" in second.report
        assert f"Instances on {new}, as all new environments: 2" in second.report
        assert all(rests_on(world, name, list_layers(new)) for name in ("birds-20", "birds-30"))
        counts = second.document["certification"]["counts"]
        assert (counts["certified"], sum(counts.values())) == (4, 4)
        with Store(world.data) as store:
            newest = store.certifications.newest(references)
        found = {name: (it.is_pulled, it.reference) for name, it in newest.items()}
        assert found == {name: (True, it) for name, it in references.items()}
        added, removed, changed = second.diff()
        assert (added, removed) == (["birds-30"], []) and "birds-20" in changed

        kept = list_layers(new)
        derive_base(new, new, "touch /moved")
        birds.add_pull(45)
        third = world.rebuild_apart(*pushed)
        assert (third.code, third.totals("verified")) == (0, (1,)), third.done.stderr
        assert third.document["base_images"]["has_moved"]
        assert f"{new} is another image now" in third.report
        assert f"{new} is another image now" in third.done.stderr
        assert rests_on(world, "birds-45", kept) and list_layers(new) != kept
        assert third.diff() == (["birds-45"], [], [])


def read_pushed(world: NightWorld, place: str) -> dict[str, str]:
    """Return the reference by digest of each image that was pushed, by instance id."""
    with Store(world.data) as store:
        return {name: it for name, (_, it) in store.pushed_images(place).items()}
