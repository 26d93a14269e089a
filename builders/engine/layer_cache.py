"""Layers that a registry keeps for all: fetched by key before anything is built, pushed when made.

These are environments and the large parts below them. The key is a hash of all that decides a
layer's content, so whoever may push to the registry is trusted with what runs in the builds of all
others.
"""

from collections.abc import Callable

import docker

from builders.engine.registry import RegistryError, push_image

LAYER_LABEL, KEY_LABEL = (
    "curate.layer",
    "curate.key",
)  # labels of an image: what it is, and what decides it

_ABSENT = ("not found", "manifest unknown", "name unknown", "does not exist", "access denied")


def cache_repository(registry: str, name: str) -> str:
    """Where images called *name* ("namespace/env") are in *registry* ("host[:port][/folder]")."""
    space, _, kind = name.rpartition("/")
    return f"{registry.rstrip('/')}/{space}-{kind}"


def pull_layer(
    engine: docker.DockerClient,
    tag: str,
    layer: str,
    registry: str,
    *,
    watch: Callable[[], None] = lambda: None,
) -> bool:
    """Pull what is called *tag* ("namespace/env:key") here, a *layer*; whether it was there.

    What *watch* raises meanwhile ends the pull. Raises RegistryError where the registry does not
    answer, or has something else by that name.
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
            f"{name} cannot be asked for environments: {error.explanation or error}",
            hint="Mend or unset the setting `registry`, or log in (docker login).",
        ) from error
    labels = image.labels
    if (labels.get(LAYER_LABEL), labels.get(KEY_LABEL)) != (layer, key):
        engine.images.remove(f"{name}:{key}")
        raise RegistryError(
            f"{name}:{key} is not the {layer} of that key: its labels say {labels}",
            hint="Somebody else's image? Remove it there, or set another `registry`.",
        )
    image.tag(tag)
    engine.images.remove(f"{name}:{key}", noprune=True)
    return True


def push_layer(engine: docker.DockerClient, tag: str, registry: str) -> None:
    """Push *tag* for others; raises RegistryError where that is refused."""
    name, key = _cache_reference(registry, tag)
    push_image(engine, tag, name, key)
    engine.images.remove(f"{name}:{key}", noprune=True)


def _cache_reference(registry: str, tag: str) -> tuple[str, str]:
    """Repository and tag in *registry* of what is called *tag* here."""
    name, _, key = tag.rpartition(":")
    return cache_repository(registry, name), key


def _is_not_found(error: docker.errors.APIError) -> bool:
    """Registries that hide what one may not see say "denied" of what is not there."""
    message = str(error.explanation or error).lower()
    return any(words in message for words in _ABSENT)
