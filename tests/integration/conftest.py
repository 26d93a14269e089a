"""What several integration tests of the Docker sandbox share."""

import docker
import pytest

from tests.helpers.containers import python_image


@pytest.fixture(scope="session")
def client():
    return docker.from_env(timeout=120)


@pytest.fixture(scope="session")
def image_with_python(client, tmp_path_factory):
    with python_image(client, tmp_path_factory.mktemp("context")) as tag:
        yield tag
