"""Inventory of the engine's images: read once, then analyzed by pure functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import docker

from curate.builders.engine.layer_cache import KEY_LABEL

_LAYER_KINDS = ("base", "python", "shared_packages", "env", "checkout", "instance")
_STANDALONE_KINDS = ("shared_packages", "env")  # kinds that are removed as a unit


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """An image of the engine, built by curate or not; sizes are bytes."""

    id: str
    own_names: tuple[str, ...]  # names given by curate
    other_names: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()  # "repository@sha256:…" of where it was pulled from
    layers: tuple[str, ...]  # digests from the bottom up
    size: int  # of all its layers
    created_at: float  # seconds since the epoch

    @property
    def layer_kind(self) -> str:
        """The kind of layer, as in its name; "" if curate did not build the image."""
        return self.own_names[0].rsplit("/", 1)[1].split(":")[0] if self.own_names else ""


@dataclass(frozen=True, kw_only=True)
class EnvironmentImages:
    """The image of an environment and those built on it, which are removed together.

    Or the image of shared packages, which is removed after the environments built on it; or an
    image that curate has pulled.
    """

    name: str  # "namespace/env:key", "namespace/shared_packages:key", "repository@sha256:…"
    images: tuple[EngineImage, ...]  # those with most layers first
    size: int  # bytes that no other image uses
    is_removable: bool  # every image was built by curate and has no other names
    dependent_names: tuple[str, ...] = ()  # environments and shared packages built on it

    @property
    def last_created_at(self) -> float:
        """Creation time of the newest image, in seconds since the epoch."""
        return max(image.created_at for image in self.images)

    @property
    def names(self) -> tuple[str, ...]:
        """What is removed, in order."""
        if "@" in self.name:
            return (self.name,)
        return tuple(name for image in self.images for name in image.own_names)

    @property
    def instance_count(self) -> int:
        """The number of instances that use it."""
        return sum(image.layer_kind == "instance" for image in self.images)


def read_images(engine: docker.DockerClient, namespace: str) -> tuple[EngineImage, ...]:
    """Return every image of *engine*, without those removed in the meantime."""
    found = []
    for entry in engine.api.images():
        try:
            found.append(parse_image(engine.images.get(entry["Id"]).attrs, namespace))
        except docker.errors.ImageNotFound:
            continue
    return tuple(found)


def parse_image(facts: Mapping[str, Any], namespace: str) -> EngineImage:
    """Parse the description of an image by the engine's API.

    An image is curate's only if name and label agree: images built on it inherit the label, and
    anybody can choose the name.
    """
    key = (facts["Config"].get("Labels") or {}).get(KEY_LABEL)
    expected_names = [f"{namespace}/{kind}:{key}" for kind in _LAYER_KINDS]
    names = facts.get("RepoTags") or []
    return EngineImage(
        id=facts["Id"],
        own_names=tuple(name for name in names if name in expected_names),
        other_names=tuple(name for name in names if name not in expected_names),
        digests=tuple(facts.get("RepoDigests") or ()),
        layers=tuple((facts.get("RootFS") or {}).get("Layers") or ()),
        size=int(facts["Size"]),
        created_at=datetime.fromisoformat(facts["Created"]).timestamp()
        if facts["Created"]
        else 0.0,
    )


def find_environments(images: Sequence[EngineImage]) -> list[EnvironmentImages]:
    """Return the environments and shared packages among *images*, each with those built on it.

    Images that others built on them are included.
    """
    below = _nearest_image_below(images, lambda image: image.layer_kind in _STANDALONE_KINDS)
    sizes = compute_own_sizes(images)
    found = []
    for base in (image for image in images if image.layer_kind in _STANDALONE_KINDS):
        built_on_it = [
            image
            for image in images
            if below(image) is base and image.layer_kind not in _STANDALONE_KINDS
        ]
        group = sorted([base, *built_on_it], key=lambda image: len(image.layers), reverse=True)
        found.append(
            EnvironmentImages(
                name=base.own_names[0],
                images=tuple(group),
                size=sum(sizes[image.id] for image in group),
                is_removable=all(image.own_names and not image.other_names for image in group),
                dependent_names=tuple(
                    image.own_names[0] for image in images if _depends_on(image, base)
                ),
            )
        )
    return found


def _depends_on(image: EngineImage, base: EngineImage) -> bool:
    """Whether *image* is an environment, or shared packages, built on *base*."""
    count = len(base.layers)
    has_more_layers = image.layer_kind in _STANDALONE_KINDS and len(image.layers) > count
    return has_more_layers and image.layers[:count] == base.layers


def compute_own_sizes(images: Sequence[EngineImage]) -> dict[str, int]:
    """Return image id -> bytes that the image adds to the one of *images* it is built on."""
    below = _nearest_image_below(images, lambda _: True)
    return {image.id: image.size - (base.size if (base := below(image)) else 0) for image in images}


def _nearest_image_below(
    images: Iterable[EngineImage], is_candidate: Callable[[EngineImage], bool]
) -> Callable[[EngineImage], EngineImage | None]:
    """Return a function that finds the image that another is built on.

    Of the *images* that are *is_candidate*, it returns the one with most layers, or None.
    """
    by_layers = {image.layers: image for image in images if image.layers and is_candidate(image)}

    def below(image: EngineImage) -> EngineImage | None:
        shorter = (image.layers[:count] for count in range(len(image.layers) - 1, 0, -1))
        return next((by_layers[layers] for layers in shorter if layers in by_layers), None)

    return below
