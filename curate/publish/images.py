"""Images of verified instances: built locally, and pushed to a registry."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from curate.builders.errors import BuilderError, DiskFullError, EngineUnavailableError
from curate.core.errors import ConfigurationError, CurateError
from curate.core.model import Environment
from curate.publish.push_estimate import PushEstimate, estimate_push
from curate.publish.rows import PublishedImage, image_columns
from curate.publish.stored_environments import iter_environments
from curate.releases.image_names import image_repository_name
from curate.releases.row import Row, get_str
from curate.releases.table import RowTable
from curate.store import Store

log = logging.getLogger(__name__)

MAX_UNAVAILABLE = 3  # pushes in a row that an unavailable registry may fail

ImagePusher = Callable[[str, str, str], tuple[str, int]]
"""(local image, repository, tag) -> (reference by digest, bytes sent)"""


class PushIncompleteError(CurateError):
    """Some images could not be pushed; the others were."""

    exit_code = 3


@dataclass(frozen=True, kw_only=True)
class ImageInventory:
    """Environments with a local image, and images in a registry, by instance id."""

    local_environments: Mapping[str, Environment]
    registry_images: Mapping[str, PublishedImage]


@dataclass(frozen=True, kw_only=True)
class PushedImages:
    """Images in a registry, and why others could not be pushed, by instance id."""

    images: Mapping[str, PublishedImage] = field(default_factory=dict)
    failures: Mapping[str, BuilderError] = field(default_factory=dict)


def list_images(store: Store, registry: str, ids: Collection[str] | None = None) -> ImageInventory:
    """List the images of the verified instances *ids* (default: all).

    Images rebuilt since the push are not included.
    """
    pushed = store.pushed_images(registry)
    built = {
        name: environment
        for name, environment in iter_environments(store, ids)
        if environment.backend == "docker"
    }
    registry_images = {
        name: make_image(pushed[name][1], env)
        for name, env in built.items()
        if name in pushed and pushed[name][0] == env.digest
    }
    return ImageInventory(local_environments=built, registry_images=registry_images)


def make_image(reference: str, environment: Environment) -> PublishedImage:
    """Return the image of *environment* in a registry; *reference* is name@sha256:…."""
    digest = reference.partition("@")[2]
    return PublishedImage(reference=reference, digest=digest, env_vars=environment.env_vars)


def set_image(row: Row, image: PublishedImage | None) -> Row:
    """Return *row* with *image* instead of its own; without one, the row as it is."""
    return row | image_columns(image) if image else row


def set_images(rows: RowTable, images: Mapping[str, PublishedImage]) -> RowTable:
    """Return *rows* with *images*, which are by instance id, instead of their own."""
    return rows.map(lambda row: set_image(row, images.get(get_str(row, "instance_id"))))


def is_in_registry(row: Row) -> bool:
    """Whether the image of *row* is referenced by its digest in a registry."""
    return "@sha256:" in get_str(row, "image")


def count_local_images(rows: RowTable) -> int:
    """Return how many *rows* reference an image on this machine."""
    return sum(not is_in_registry(row) for row in rows.iter_columns(("image",)))


def require_registry_images(rows: Iterable[Row]) -> None:
    """Raise ConfigurationError if images of *rows* exist on this machine alone."""
    in_registry = {get_str(row, "instance_id"): is_in_registry(row) for row in rows}
    local = [name for name, is_pushed in in_registry.items() if not is_pushed]
    if local:
        raise ConfigurationError(
            f"{len(local):,} of {len(in_registry):,} images exist only on this machine, the first:"
            f" {local[0]}.",
            hint="Push them: --registry HOST/NAMESPACE. For a release that is used on this"
            " machine alone, or to publish rows without images: --allow-local-images",
        )


def set_release_images(
    rows: RowTable, *, store: Store, registry: str, allow_local: bool, network_timeout: float
) -> RowTable:
    """Return *rows* with their images in *registry*, to which the missing ones are pushed.

    Raises PushIncompleteError if one cannot be pushed, ConfigurationError if a row references an
    image of this machine, unless *allow_local*.
    """
    pushed = PushedImages()
    if registry:
        pushed = push_missing_images(store, registry, rows.ids, network_timeout)
    require_all_pushed(pushed)
    released = set_images(rows, pushed.images)
    if not allow_local:
        require_registry_images(released.iter_columns(("instance_id", "image")))
    elif local := count_local_images(released):
        log.warning("%s", f"{local:,} of {len(rows):,} images exist only on this machine")
    return released


def estimate_missing_images(store: Store, registry: str, ids: Collection[str]) -> PushEstimate:
    """Estimate a push of the images of *ids* missing in *registry*."""
    inventory = list_images(store, registry, ids)
    return estimate_push(inventory.local_environments.items(), inventory.registry_images.keys())


def push_missing_images(
    store: Store, registry: str, ids: Collection[str], network_timeout: float
) -> PushedImages:
    """Push the images of *ids* missing in *registry*, with the engine of this machine.

    Engine and registry must begin to answer within *network_timeout* seconds.
    """
    from curate.builders.engine.client import connect_to_engine, translate_engine_errors
    from curate.builders.engine.registry import check_registry, push_image

    inventory = list_images(store, registry, ids)
    if inventory.local_environments.keys() <= inventory.registry_images.keys():
        return PushedImages(images=inventory.registry_images)
    client = connect_to_engine(ping_timeout=network_timeout)
    with translate_engine_errors():
        check_registry(client, registry, network_timeout)

    def push(image: str, repository: str, tag: str) -> tuple[str, int]:
        with translate_engine_errors():
            result = push_image(client, image, repository, tag)
            # a tag would block the eviction of the image
            client.images.remove(f"{repository}:{tag}", noprune=True)
        return result.reference, result.pushed_bytes

    def log_pushed(name: str, sent: int) -> None:
        log.info("pushed %s: %.1f MB of new layers", name, sent / 1e6)

    return push_images(store, registry, inventory, push, log_pushed)


def push_images(
    store: Store,
    registry: str,
    inventory: ImageInventory,
    push: ImagePusher,
    on_pushed: Callable[[str, int], None],
) -> PushedImages:
    """Push the images of *inventory* that *registry* lacks.

    Each push is recorded immediately, so another call sends only what is missing. *on_pushed* is
    called with the instance id and the bytes sent. An image that fails is logged, and the next one
    is pushed. Raises EngineUnavailableError, and RegistryUnavailableError if the registry fails
    several times in a row.
    """
    from curate.builders.engine.registry import RegistryUnavailableError

    published = dict(inventory.registry_images)
    failures: dict[str, BuilderError] = {}
    unavailable = 0
    for name, env in inventory.local_environments.items():
        if name in published:
            continue
        try:
            reference, sent = push(env.handle, image_repository_name(registry, name), "latest")
        except (EngineUnavailableError, DiskFullError):
            raise
        except BuilderError as error:
            unavailable = unavailable + 1 if isinstance(error, RegistryUnavailableError) else 0
            if unavailable == MAX_UNAVAILABLE:
                raise
            log.error("ERROR %s: not pushed: %s", name, error)
            failures[name] = error
            continue
        unavailable = 0
        store.save_pushed_image(name, registry, env.digest, reference)
        on_pushed(name, sent)
        published[name] = make_image(reference, env)
    return PushedImages(images=published, failures=failures)


def require_all_pushed(pushed: PushedImages) -> None:
    """Raise PushIncompleteError if an image could not be pushed."""
    if pushed.failures:
        name, error = next(iter(pushed.failures.items()))
        total = len(pushed.failures) + len(pushed.images)
        raise PushIncompleteError(
            f"{len(pushed.failures):,} of {total:,} images could not be pushed, the first {name}:"
            f" {error}",
            hint=f"{error.hint} The same command again pushes what is missing.".lstrip(),
        )
