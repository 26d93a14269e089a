"""What several integration tests of the Docker sandbox share."""

from collections.abc import Iterator

import docker
import pytest

from tests.helpers.containers import python_image


@pytest.fixture(scope="session")
def client() -> docker.DockerClient:
    return docker.from_env(timeout=120)


@pytest.fixture(scope="session")
def image_with_python(
    client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with python_image(client, tmp_path_factory.mktemp("context")) as tag:
        yield tag
