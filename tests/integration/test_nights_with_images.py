"""Nights with a real engine and a registry of their own: it loses an image, and goes down."""

import json
import os
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
from tests.helpers.fakes import not_none
from tests.helpers.image_push import save_verified

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
