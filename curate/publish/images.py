"""Images of verified instances: those that were built here, and where a registry has them."""

from collections.abc import Mapping
from dataclasses import dataclass

from curate.core.model import Environment
from curate.publish.rows import PublishedImage
from curate.store import Store


@dataclass(frozen=True, kw_only=True)
class ImageInventory:
    """By instance id: environments that are images, and the places of those a registry has."""

    local_environments: Mapping[str, Environment]
    registry_images: Mapping[str, PublishedImage]


def list_images(store: Store, registry: str) -> ImageInventory:
    """Images of every verified instance; what was pushed before it was built anew is not there."""
    pushed = store.pushed_images(registry)
    built = {
        candidate.instance_id: env
        for candidate, validation in store.iter_verified()
        if (env := validation.environment) is not None and env.backend == "docker"
    }
    there = {
        name: make_image(pushed[name][1], env)
        for name, env in built.items()
        if name in pushed and pushed[name][0] == env.digest
    }
    return ImageInventory(local_environments=built, registry_images=there)


def make_image(reference: str, environment: Environment) -> PublishedImage:
    """The image of *environment* in a registry, by its *reference* (name@sha256:…)."""
    digest = reference.partition("@")[2]
    return PublishedImage(reference=reference, digest=digest, env_vars=environment.env_vars)
