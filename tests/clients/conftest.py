"""One release for the tests of all clients: the sample project, validated once in containers.

CURATE_TEST_REGISTRY names the registry that its images are pushed to.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pyarrow.parquet as pq
import pytest

from tests.demo.stage import Stage, prepared
from tests.helpers.image_tags import list_tags

NAMES = [f"curate-samples__tidytable-{number}" for number in (4, 6, 22)]


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    """A place of its own in the registry; what clients pulled from it is removed in the end."""
    place = os.environ.get("CURATE_TEST_REGISTRY")
    if not place:
        pytest.skip("CURATE_TEST_REGISTRY names no registry")
    name = f"{place}/clients-{secrets.token_hex(4)}"
    yield name
    engine = docker.from_env()
    for tag in list_tags(engine):
        if tag.startswith(f"{name}/"):
            engine.images.remove(tag, noprune=True)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Iterator[Stage]:
    """The sample project, validated in containers and released with its images."""
    with prepared(tmp_path_factory.mktemp("clients") / "demo") as stage:
        mirror = str(stage.mirror)
        stage.curate(
            "crawl", stage.sample.name, "--github-api-url", stage.api_url, "--mirror", mirror
        )
        stage.curate("validate", "--sandbox", "docker", "-j", "2", "--no-test-strength", *NAMES)
        stage.curate("publish", "--output", str(stage.release), "--registry", registry)
        yield stage


@pytest.fixture(scope="session")
def parquet(stage: Stage) -> Path:
    """The file of the split `train`."""
    return next(stage.release.rglob("train*.parquet"))


@pytest.fixture(scope="session")
def rows(parquet: Path) -> dict[str, dict[str, Any]]:
    """Rows of the split `train` by instance id."""
    return {row["instance_id"]: row for row in pq.read_table(parquet).to_pylist()}


@pytest.fixture(scope="session")
def harbor_tasks(stage: Stage, registry: str) -> Path:
    """The instances as Harbor tasks, in a folder with the name `tidytable`."""
    folder = stage.folder / "tidytable"
    stage.curate("export", "--format", "harbor", "--registry", registry, str(folder))
    return folder
