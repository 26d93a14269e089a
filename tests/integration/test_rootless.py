"""Podman and Apptainer as a plain user has them (`.ci/rootless`), on an image of this engine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
import pytest

from curate.builders.engine.oci_layout import OciLayout
from tests.rootless.conftest import LAYOUT, SANDBOX

FOLDER = "tests/rootless"
ROOTLESS = os.environ.get("CURATE_ROOTLESS", "")
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not ROOTLESS, reason=".ci/rootless has not set it up"),
]


@pytest.fixture(scope="module")
def layout(client: docker.DockerClient, image_with_python: str) -> Iterator[Path]:
    """An OCI layout of the image with an interpreter and pytest, which everyone can read."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "Images_of:me"  # Podman would make no name of it
        folder.mkdir()
        _export(client, image_with_python, folder)
        yield folder


def _export(client: docker.DockerClient, image_with_python: str, folder: Path) -> None:
    image = client.images.get(image_with_python)
    archive = client.api.get_image(image_with_python, chunk_size=1 << 20)
    OciLayout(folder).add("owner__name-1", str(image.id), archive)


@pytest.fixture(scope="module")
def _base_image() -> None:
    """The base image in the plain user's storage, on which Podman builds."""
    base = os.environ["CURATE_BASE_IMAGE"]
    podman = [ROOTLESS, "podman", "podman"]
    if subprocess.run([*podman, "image", "exists", f"localhost/{base}"], check=False).returncode:
        with subprocess.Popen(["docker", "save", base], stdout=subprocess.PIPE) as saved:
            subprocess.run([*podman, "load"], stdin=saved.stdout, check=True)


@pytest.mark.usefixtures("_base_image")
@pytest.mark.parametrize("sandbox", ["podman", "apptainer"])
def test_what_a_plain_user_runs(sandbox: str, layout: Path) -> None:
    variables = {SANDBOX: sandbox, LAYOUT: str(layout), "CURATE_CACHE_DIR": ""}
    done = subprocess.run(
        [
            ROOTLESS,
            sandbox,
            sys.executable,
            *["-m", "pytest", "-q", "-p", "no:cacheprovider"],
            FOLDER,
        ],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    print(done.stdout.decode("utf-8", "replace"))
    assert done.returncode == 0
