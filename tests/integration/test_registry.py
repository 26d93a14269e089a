"""Pushing to and pulling from a real registry, whose address CURATE_TEST_REGISTRY holds."""

import io
import os
import secrets
import socket
import tarfile
from collections.abc import Iterator

import docker
import pytest

from curate.builders.engine.client import connect_to_engine
from curate.builders.engine.registry import (
    RegistryError,
    RegistryUnavailableError,
    check_registry,
    pull_image,
    push_image,
    verify_image,
)
from curate.releases.image_names import image_repository_name
from tests.helpers.fakes import not_none


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    return connect_to_engine()


@pytest.fixture
def repository(client: docker.DockerClient) -> Iterator[str]:
    name = f"{os.environ['CURATE_TEST_REGISTRY']}/test/{secrets.token_hex(6)}"
    yield name
    for image in client.images.list(name):
        client.images.remove(not_none(image.id), force=True)


@pytest.fixture
def image(client: docker.DockerClient, repository: str) -> str:
    """An image of one file of random bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("file")
        member.size = 1 << 20
        tar.addfile(member, io.BytesIO(secrets.token_bytes(1 << 20)))
    client.api.import_image_from_data(buffer.getvalue(), repository=repository, tag="source")
    return f"{repository}:source"


def test_pushed_image_is_pulled_by_digest(
    client: docker.DockerClient, image: str, repository: str
) -> None:
    identity = client.images.get(image).id
    assert identity is not None
    push = push_image(client, image, repository, "latest")
    assert push.reference == f"{repository}@{push.digest}"
    assert list(push.layers.values()) == ["pushed"]
    assert push.pushed_bytes >= 1 << 20
    client.images.remove(identity, force=True)
    assert pull_image(client, push.reference) == identity
    assert verify_image(client, f"{repository}:latest") == push.digest


@pytest.mark.parametrize(
    "instance_id",
    [
        "some-lab__kestrel_-5",
        "Some-Lab__.github-1",
        "o" * 39 + "__" + "_" * 100 + "-12345",
        "o__" + "a" * 100 + "-1",
    ],
)
def test_a_registry_takes_the_name_of_every_instance(
    client: docker.DockerClient, image: str, repository: str, instance_id: str
) -> None:
    name = image_repository_name(repository, instance_id)
    push = push_image(client, image, name, "latest")
    client.images.remove(f"{name}:latest", noprune=True)
    assert push.reference == f"{name}@{push.digest}"


def test_a_name_that_no_registry_takes_is_an_error(client: docker.DockerClient, image: str) -> None:
    with pytest.raises(RegistryError, match="cannot be pushed"):
        push_image(client, image, "r.example/kestrel_", "latest")


def test_second_push_sends_nothing(
    client: docker.DockerClient, image: str, repository: str
) -> None:
    first = push_image(client, image, repository, "one")
    second = push_image(client, image, repository, "two")
    assert second.digest == first.digest
    assert list(second.layers.values()) == ["present"]
    assert second.pushed_bytes == 0


def test_absent_digest_is_an_error(
    client: docker.DockerClient, image: str, repository: str
) -> None:
    push_image(client, image, repository, "latest")
    with pytest.raises(RegistryError):
        verify_image(client, f"{repository}@sha256:{'0' * 64}")
    with pytest.raises(RegistryError):
        pull_image(client, f"{repository}@sha256:{'0' * 64}")


def test_absent_image_is_an_error(client: docker.DockerClient, repository: str) -> None:
    with pytest.raises(RegistryError, match="does not exist"):
        push_image(client, f"{repository}:none", repository, "latest")


def test_a_silent_registry_is_given_up_before_a_push(client: docker.DockerClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        registry = f"127.0.0.1:{silent.getsockname()[1]}/lab"
        with pytest.raises(RegistryUnavailableError, match="does not answer"):
            check_registry(client, registry, 1)
    assert client.api.timeout > 1


def test_registry_that_is_not_there_is_an_error(
    client: docker.DockerClient, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "curate.builders.engine.registry._push_with_retries.retry.wait", lambda _: 0
    )
    with pytest.raises(RegistryError, match="refused"):
        push_image(client, image, "127.0.0.1:9/test/none", "latest")
    client.images.remove("127.0.0.1:9/test/none:latest")
