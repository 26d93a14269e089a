"""Layer cache in a registry: layers are pulled by key before a build, and pushed after it.

It holds environments and the shared packages below them. The key is a hash of the inputs of a
layer, not of its content, so everybody with push access to the registry is trusted with what runs
in the builds of all others.
"""

from collections.abc import Callable

import docker

from curate.builders.engine.registry import RegistryError, push_image

LAYER_LABEL = "curate.layer"  # label of an image: its kind of layer
KEY_LABEL = "curate.key"  # label of an image: the hash of its inputs

_ABSENT = ("not found", "manifest unknown", "name unknown", "does not exist", "access denied")


def cache_repository(registry: str, name: str) -> str:
    """Return the repository of images *name* ("namespace/env") in *registry* ("host[/folder]")."""
    namespace, _, kind = name.rpartition("/")
    return f"{registry.rstrip('/')}/{namespace}-{kind}"


def pull_layer(
    engine: docker.DockerClient,
    tag: str,
    layer: str,
    registry: str,
    *,
    watch: Callable[[], None] = lambda: None,
) -> bool:
    """Pull the image of *tag* from the layer cache, if it is there.

    Args:
        engine: Client of the engine that pulls.
        tag: Local name of the image, "namespace/env:key".
        layer: Kind of layer that its label must name, e.g. "environment".
        registry: The setting `layer_cache_registry`.
        watch: Called while the pull makes progress; an exception it raises stops the pull.

    Returns:
        Whether the registry had the image.

    Raises:
        RegistryError: The registry does not respond, or has another image of that name.
    """
    name, key = _cache_reference(registry, tag)
    try:
        for _ in engine.api.pull(name, tag=key, stream=True):
            watch()
        image = engine.images.get(f"{name}:{key}")
    except docker.errors.APIError as error:
        if isinstance(error, docker.errors.NotFound) or _is_not_found(error):
            return False
        raise RegistryError(
            f"cannot pull from the layer cache {name}: {error.explanation or error}",
            hint="Fix or unset layer_cache_registry, or log in (docker login).",
        ) from error
    labels = image.labels
    if (labels.get(LAYER_LABEL), labels.get(KEY_LABEL)) != (layer, key):
        engine.images.remove(f"{name}:{key}")
        raise RegistryError(
            f"{name}:{key} is not the {layer} layer of that key; its labels are {labels}",
            hint="Remove the image from the registry, or set another layer_cache_registry.",
        )
    image.tag(tag)
    engine.images.remove(f"{name}:{key}", noprune=True)
    return True


def push_layer(engine: docker.DockerClient, tag: str, registry: str) -> None:
    """Push the local image *tag* to the layer cache.

    Raises:
        RegistryError: The registry refused the image.
    """
    name, key = _cache_reference(registry, tag)
    push_image(engine, tag, name, key)
    engine.images.remove(f"{name}:{key}", noprune=True)


def _cache_reference(registry: str, tag: str) -> tuple[str, str]:
    """Return repository and tag in *registry* of the local image *tag*."""
    name, _, key = tag.rpartition(":")
    return cache_repository(registry, name), key


def _is_not_found(error: docker.errors.APIError) -> bool:
    """Whether the image does not exist; for that, some registries answer "denied"."""
    message = str(error.explanation or error).lower()
    return any(words in message for words in _ABSENT)
