"""Images of verified instances: built locally, and pushed to a registry."""

from collections.abc import Mapping
from dataclasses import dataclass

from curate.core.model import Environment
from curate.publish.rows import PublishedImage, image_columns
from curate.releases.row import Row, get_str
from curate.releases.table import RowTable
from curate.store import Store


@dataclass(frozen=True, kw_only=True)
class ImageInventory:
    """Environments with a local image, and images in a registry, by instance id."""

    local_environments: Mapping[str, Environment]
    registry_images: Mapping[str, PublishedImage]


def list_images(store: Store, registry: str) -> ImageInventory:
    """List the images of all verified instances; images rebuilt since the push are not included."""
    pushed = store.pushed_images(registry)
    built = {
        candidate.instance_id: env
        for candidate, validation in store.iter_verified()
        if (env := validation.environment) is not None and env.backend == "docker"
    }
    registry_images = {
        name: make_image(pushed[name][1], env)
        for name, env in built.items()
        if name in pushed and pushed[name][0] == env.digest
    }
    return ImageInventory(local_environments=built, registry_images=registry_images)


def set_images(rows: RowTable, images: Mapping[str, PublishedImage]) -> RowTable:
    """Return *rows* with *images*, which are by instance id, instead of their own."""

    def set_image(row: Row) -> Row:
        image = images.get(get_str(row, "instance_id"))
        return row | image_columns(image) if image else row

    return rows.map(set_image)


def make_image(reference: str, environment: Environment) -> PublishedImage:
    """Return the image of *environment* in a registry; *reference* is name@sha256:…."""
    digest = reference.partition("@")[2]
    return PublishedImage(reference=reference, digest=digest, env_vars=environment.env_vars)
