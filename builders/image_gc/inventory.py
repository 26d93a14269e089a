"""What curate's images take on an engine: read once, then counted by pure functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import docker

from builders.engine.layer_cache import KEY_LABEL

_LAYER_KINDS = ("base", "python", "shared_packages", "env", "checkout", "instance")
_STANDALONE_KINDS = ("shared_packages", "env")  # kinds that go as one


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """An image of the engine, curate's or not; sizes are bytes."""

    id: str
    own_names: tuple[str, ...]  # names that curate gave it
    other_names: tuple[str, ...] = ()  # further names
    layers: tuple[str, ...]  # digests from the bottom up
    size: int  # layers below included
    created_at: float  # seconds since the epoch

    @property
    def layer_kind(self) -> str:
        """Which of curate's layers it is; "" for somebody else's image."""
        return self.own_names[0].rsplit("/", 1)[1].split(":")[0] if self.own_names else ""


@dataclass(frozen=True, kw_only=True)
class EnvironmentImages:
    """An environment's image with all that were built upon it, which go together or not at all.

    Or the image of a part that environments share, which goes after them.
    """

    name: str  # "namespace/env:key", "namespace/shared_packages:key"
    images: tuple[EngineImage, ...]  # those with most layers first
    size: int  # bytes that nothing else needs
    is_removable: bool  # no image is somebody else's, or has somebody else's name
    dependent_names: tuple[str, ...] = ()  # names of those upon a part, which have to go before it

    @property
    def last_created_at(self) -> float:
        """When the newest of its images was made."""
        return max(image.created_at for image in self.images)

    @property
    def instance_count(self) -> int:
        """How many instances it serves."""
        return sum(image.layer_kind == "instance" for image in self.images)


def read_images(engine: docker.DockerClient, namespace: str) -> tuple[EngineImage, ...]:
    """Every image of *engine*; those that vanish meanwhile are left out."""
    found = []
    for entry in engine.api.images():
        try:
            found.append(parse_image(engine.images.get(entry["Id"]).attrs, namespace))
        except docker.errors.ImageNotFound:
            continue
    return tuple(found)


def parse_image(facts: Mapping[str, Any], namespace: str) -> EngineImage:
    """The image that an engine describes by *facts*.

    Curate's are known by name and label together: labels are inherited, names can be given.
    """
    key = (facts["Config"].get("Labels") or {}).get(KEY_LABEL)
    expected_names = [f"{namespace}/{kind}:{key}" for kind in _LAYER_KINDS]
    names = facts.get("RepoTags") or []
    return EngineImage(
        id=facts["Id"],
        own_names=tuple(name for name in names if name in expected_names),
        other_names=tuple(name for name in names if name not in expected_names),
        layers=tuple((facts.get("RootFS") or {}).get("Layers") or ()),
        size=int(facts["Size"]),
        created_at=datetime.fromisoformat(facts["Created"]).timestamp()
        if facts["Created"]
        else 0.0,
    )


def find_environments(images: Sequence[EngineImage]) -> list[EnvironmentImages]:
    """Curate's environments and parts among *images*, and what lies upon each, whoever made it."""
    below = _nearest_image_below(images, lambda image: image.layer_kind in _STANDALONE_KINDS)
    sizes = compute_own_sizes(images)
    found = []
    for base in (image for image in images if image.layer_kind in _STANDALONE_KINDS):
        upon = [
            image
            for image in images
            if below(image) is base and image.layer_kind not in _STANDALONE_KINDS
        ]
        upon = sorted([base, *upon], key=lambda image: len(image.layers), reverse=True)
        found.append(
            EnvironmentImages(
                name=base.own_names[0],
                images=tuple(upon),
                size=sum(sizes[image.id] for image in upon),
                is_removable=all(image.own_names and not image.other_names for image in upon),
                dependent_names=tuple(
                    each.own_names[0] for each in images if _is_built_upon(each, base)
                ),
            )
        )
    return found


def _is_built_upon(image: EngineImage, base: EngineImage) -> bool:
    """Whether *image* is an environment or a part upon *base*."""
    count = len(base.layers)
    longer = image.layer_kind in _STANDALONE_KINDS and len(image.layers) > count
    return longer and image.layers[:count] == base.layers


def compute_own_sizes(images: Sequence[EngineImage]) -> dict[str, int]:
    """By id, what each image adds to the one of *images* that it was built upon."""
    below = _nearest_image_below(images, lambda _: True)
    return {
        image.id: image.size - (under.size if (under := below(image)) else 0) for image in images
    }


def _nearest_image_below(
    images: Iterable[EngineImage], is_candidate: Callable[[EngineImage], bool]
) -> Callable[[EngineImage], EngineImage | None]:
    """Finds the nearest image below another among those of *images* that are *is_candidate*."""
    by_layers = {image.layers: image for image in images if image.layers and is_candidate(image)}

    def below(image: EngineImage) -> EngineImage | None:
        shorter = (image.layers[:count] for count in range(len(image.layers) - 1, 0, -1))
        return next((by_layers[layers] for layers in shorter if layers in by_layers), None)

    return below
