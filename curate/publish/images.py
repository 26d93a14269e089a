"""Images of verified instances: those that were built here, and where a registry has them."""

from collections.abc import Mapping
from dataclasses import dataclass

from curate.core.model import Environment
from curate.publish.rows import Image
from curate.store import Store


@dataclass(frozen=True, kw_only=True)
class Images:
    """By instance id: environments that are images, and the places of those a registry has."""

    built: Mapping[str, Environment]
    there: Mapping[str, Image]


def images(store: Store, registry: str) -> Images:
    """Images of every verified instance; what was pushed before it was built anew is not there."""
    pushed = store.pushed(registry)
    built = {
        candidate.instance_id: env
        for candidate, validation in store.verified()
        if (env := validation.environment) is not None and env.backend == "docker"
    }
    there = {
        name: image_at(pushed[name][1], env)
        for name, env in built.items()
        if name in pushed and pushed[name][0] == env.digest
    }
    return Images(built=built, there=there)


def image_at(reference: str, environment: Environment) -> Image:
    """The image of *environment* in a registry, by its *reference* (name@sha256:…)."""
    digest = reference.partition("@")[2]
    return Image(reference=reference, digest=digest, environment=environment.variables)
