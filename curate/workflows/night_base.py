"""What images rest on: a night with a new base image tells which instances keep the old one."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from curate.builders.engine.client import connect_to_engine
from curate.builders.errors import EngineUnavailableError
from curate.builders.images.base_image import has_base_moved
from curate.core.settings import Settings
from curate.publish.stored_environments import iter_environments
from curate.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BaseImages:
    """The base images of the verified instances, as the setting named them."""

    current: str  # what new environments rest on
    instances: Mapping[str, int]  # by base image; those without an image are not counted
    has_moved: bool = False  # the engine has another image of that name than was built on


def read_base_images(
    store: Store, settings: Settings, sandbox: str, *, has_built: bool
) -> BaseImages | None:
    """Count the verified instances by what their images rest on; None without containers.

    The engine is asked whether the name has moved only if the night *has_built* anything; one that
    fails by now does not.
    """
    if sandbox == "local":
        return None
    counts = Counter(env.base_image for _, env in iter_environments(store) if env.base_image)
    return BaseImages(
        current=settings.base_image,
        instances=dict(counts.most_common()),
        has_moved=has_built and sandbox == "docker" and _has_moved(settings),
    )


def _has_moved(settings: Settings) -> bool:
    try:
        engine = connect_to_engine(ping_timeout=settings.network_timeout)
        has_moved = has_base_moved(engine, settings.build_settings())
    except EngineUnavailableError:
        return False
    if has_moved:
        log.warning("base image: %s", describe_moved_base(settings.base_image))
    return has_moved


def describe_moved_base(name: str) -> str:
    """Return what it means that *name* stands for another image than before."""
    return (
        f"{name} is another image now than the one that environments here rest on. It is not used:"
        " name it by its digest, or give it a tag of its own."
    )
