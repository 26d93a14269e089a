"""Environments that one machine builds and another finds in the registry."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest

from curate.builders.backends.docker import DockerBackend
from curate.builders.engine.layer_cache import cache_repository
from curate.builders.engine.registry import RegistryError
from curate.builders.model import BuiltInstance, Failure, InstanceSpec
from curate.builders.settings import BuildSettings
from tests.helpers.image_tags import list_tags
from tests.integration.test_images import settings, spec  # noqa: F401

pytestmark = pytest.mark.xdist_group("builds")


@pytest.fixture
def backend(settings: BuildSettings) -> Iterator[DockerBackend]:
    registry = os.environ["CURATE_TEST_REGISTRY"]
    namespace = f"curate-test-{secrets.token_hex(4)}"
    backend = DockerBackend(
        replace(settings, layer_cache_registry=registry, image_namespace=namespace)
    )
    yield backend
    forget(backend)


def tags(backend: DockerBackend) -> set[str]:
    """Names of all images of the backend's namespace, as on a machine of its own."""
    space = f"{backend.settings.image_namespace}/"
    return {tag for tag in list_tags(backend.engine) if tag.startswith(space)}


def forget(backend: DockerBackend) -> None:
    for tag in tags(backend):
        backend.engine.images.remove(tag, force=True, noprune=True)


def layers(backend: DockerBackend) -> set[str]:
    return {tag.split("/")[1].split(":")[0] for tag in tags(backend)}


def test_an_environment_is_found_by_its_key_and_nothing_below_is_made(
    backend: DockerBackend, spec: InstanceSpec
) -> None:
    first = backend.build_instance(spec)
    assert isinstance(first, BuiltInstance), first
    assert layers(backend) == {"base", "python", "env", "instance"}
    forget(backend)
    second = backend.build_instance(spec)
    assert isinstance(second, BuiltInstance), second
    assert layers(backend) == {"env", "instance"}
    assert second.environment_key == first.environment_key
    assert second.layer_bytes["environment"] > 0
    assert second.environment_seconds == 0


def test_another_image_of_that_name_is_refused(backend: DockerBackend, spec: InstanceSpec) -> None:
    names = backend.layer_names(spec)
    assert not isinstance(names, Failure)
    image, _, key = names["environment"].rpartition(":")
    name = cache_repository(backend.settings.layer_cache_registry, image)
    backend.engine.images.get(os.environ["CURATE_BASE_IMAGE"]).tag(name, tag=key)
    for line in backend.engine.images.push(name, tag=key, stream=True, decode=True):
        assert "error" not in line
    backend.engine.images.remove(f"{name}:{key}", noprune=True)
    with pytest.raises(RegistryError, match="labels"):
        backend.build_instance(spec)
    assert not tags(backend)


def test_a_registry_that_is_not_there_is_an_error(
    backend: DockerBackend, spec: InstanceSpec
) -> None:
    away = DockerBackend(replace(backend.settings, layer_cache_registry="127.0.0.1:9"))
    with pytest.raises(RegistryError) as caught:
        away.build_instance(spec)
    assert "registry" in caught.value.hint
