"""An engine whose disk is small: builds and runs that fill it, by bytes or by files."""

import os
import subprocess
import time

import pytest
from docker.errors import DockerException

from builders.engine import find_build_client, inodes_left, run_build
from builders.errors import DiskFull, SandboxError
from builders.model import Built, Execution, Limits
from builders.sandbox.docker import run_in_container
from tests.private_engine import PrivateEngine, available

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not os.environ.get("CURATE_BASE_IMAGE"), reason="CURATE_BASE_IMAGE is not set"
    ),
    pytest.mark.skipif(not available(), reason="needs root, dockerd and ip"),
]

FILES = "mkdir -p d; i=0; while :; do : > d/$((i++)) || sleep 600; done"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An engine on a file system of 700 MB and 40,000 inodes that has the base image."""
    folder = tmp_path_factory.mktemp("engine")
    disk, place = folder / "disk", folder / "place"
    place.mkdir()
    disk.touch()
    os.truncate(disk, 700 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m0", "-N", "40000", str(disk)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(disk), str(place)], check=False).returncode:
        pytest.skip("no right to mount")
    try:
        with PrivateEngine(place) as engine:
            engine.load(os.environ["CURATE_BASE_IMAGE"])
            yield engine
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def run(engine, command: str, **limits: int):
    image = os.environ["CURATE_BASE_IMAGE"]
    built = Built(name="t", backend="docker", handle=image, environment_key="k")
    execution = Execution(command=command, limits=Limits(seconds=120, **limits))
    options = {"checkout": "/curate/out", "disk": engine.folder / "data"}
    return run_in_container(engine.client, built, execution, **options)


def test_a_run_that_uses_up_the_inodes_is_ended_in_time(engine):
    began = time.monotonic()
    with pytest.raises(SandboxError, match="inodes"):
        run(engine, FILES)
    assert time.monotonic() - began < 60
    assert engine.client.containers.list(all=True) == []
    assert inodes_left(engine.folder / "data") > 0.1
    assert run(engine, "true").exit_code == 0


@pytest.mark.parametrize(
    ("dockerfile", "kind"),
    [
        ("FROM {base}\nRUN head -c 1G /dev/zero > /big\n", SandboxError),
        ("FROM {base}\nCOPY . /big\n", DiskFull),
    ],
    ids=["by a command", "by the engine"],
)
def test_a_build_that_fills_the_disk_is_no_verdict(engine, dockerfile, kind, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    context = tmp_path / "context"
    context.mkdir()
    if "COPY" in dockerfile:
        (context / "big").touch()
        os.truncate(context / "big", 1 << 30)
    with pytest.raises(kind):
        run_build(
            find_build_client(os.environ.get("CURATE_DOCKER", "")),
            dockerfile=dockerfile.format(base=os.environ["CURATE_BASE_IMAGE"]),
            context=context,
            scratch=tmp_path,
            tag="full:1",
        )
    try:
        assert engine.client.images.list("full") == []
    except DockerException as error:
        pytest.fail(str(error))
