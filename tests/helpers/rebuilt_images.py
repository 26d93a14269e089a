"""Images that the script of an export builds."""

import os
import subprocess
from pathlib import Path

import docker

from curate.builders.engine.buildkit import find_build_client


def rebuild_image(folder: Path, name: str, tag: str, repository: str) -> None:
    """Run the script of the export in *folder*: uv is downloaded, the interpreter is this one's."""
    version = (folder / "images" / name / "context/python.version").read_text()
    variables = {
        "DOCKER": find_build_client().command[0],
        "REPOSITORY": repository,
        "CA_BUNDLE": os.environ.get("CURATE_CA_BUNDLE", ""),
        "INDEX_URL": os.environ.get("CURATE_INDEX_URL", ""),
    }
    if interpreters := os.environ.get("CURATE_PYTHON_INSTALL_DIR"):
        variables["PYTHON_PREFIX"] = f"{interpreters}/{version}"
    done = subprocess.run(
        [str(folder / "build.sh"), name, tag],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == tag


def remove_layers(engine: docker.DockerClient, tag: str, count: int) -> None:
    """Remove the image *tag* and those of its *count* layers that were built."""
    for name in (tag, *(f"{tag}-layer-{number}" for number in range(count, 0, -1))):
        try:
            engine.images.remove(name, force=True)
        except docker.errors.ImageNotFound:
            continue
