"""What curate's images take on an engine: read once, then counted by pure functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import docker

from builders.engine.layer_cache import KEY

_KINDS = ("base", "python", "part", "env", "tree", "instance")
_ALONE = ("part", "env")  # kinds that go as one


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image of the engine, curate's or not; sizes are bytes."""

    id: str
    own: tuple[str, ...]  # names that curate gave it
    others: tuple[str, ...] = ()  # further names
    layers: tuple[str, ...]  # digests from the bottom up
    size: int  # layers below included
    made: float  # seconds since the epoch

    @property
    def kind(self) -> str:
        """Which of curate's layers it is; "" for somebody else's image."""
        return self.own[0].rsplit("/", 1)[1].split(":")[0] if self.own else ""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment's image with all that were built upon it, which go together or not at all.

    Or the image of a part that environments share, which goes after them.
    """

    name: str  # "namespace/env:key", "namespace/part:key"
    images: tuple[Image, ...]  # those with most layers first
    size: int  # bytes that nothing else needs
    free: bool  # no image is somebody else's, or has somebody else's name
    before: tuple[str, ...] = ()  # names of those upon a part, which have to go before it

    @property
    def made(self) -> float:
        """When the newest of its images was made."""
        return max(image.made for image in self.images)

    @property
    def instances(self) -> int:
        """How many instances it serves."""
        return sum(image.kind == "instance" for image in self.images)


def read_images(engine: docker.DockerClient, namespace: str) -> tuple[Image, ...]:
    """Every image of *engine*; those that vanish meanwhile are left out."""
    found = []
    for entry in engine.api.images():
        try:
            found.append(image_of(engine.images.get(entry["Id"]).attrs, namespace))
        except docker.errors.ImageNotFound:
            continue
    return tuple(found)


def image_of(facts: Mapping[str, Any], namespace: str) -> Image:
    """The image that an engine describes by *facts*.

    Curate's are known by name and label together: labels are inherited, names can be given.
    """
    key = (facts["Config"].get("Labels") or {}).get(KEY)
    ours = [f"{namespace}/{kind}:{key}" for kind in _KINDS]
    names = facts.get("RepoTags") or []
    return Image(
        id=facts["Id"],
        own=tuple(name for name in names if name in ours),
        others=tuple(name for name in names if name not in ours),
        layers=tuple((facts.get("RootFS") or {}).get("Layers") or ()),
        size=int(facts["Size"]),
        made=datetime.fromisoformat(facts["Created"]).timestamp() if facts["Created"] else 0.0,
    )


def environments(images: Sequence[Image]) -> list[Environment]:
    """Curate's environments and parts among *images*, and what lies upon each, whoever made it."""
    below = _nearest(images, lambda image: image.kind in _ALONE)
    sizes = own_sizes(images)
    found = []
    for base in (image for image in images if image.kind in _ALONE):
        upon = [image for image in images if below(image) is base and image.kind not in _ALONE]
        upon = sorted([base, *upon], key=lambda image: len(image.layers), reverse=True)
        found.append(
            Environment(
                name=base.own[0],
                images=tuple(upon),
                size=sum(sizes[image.id] for image in upon),
                free=all(image.own and not image.others for image in upon),
                before=tuple(each.own[0] for each in images if _above(each, base)),
            )
        )
    return found


def _above(image: Image, base: Image) -> bool:
    """Whether *image* is an environment or a part upon *base*."""
    count = len(base.layers)
    longer = image.kind in _ALONE and len(image.layers) > count
    return longer and image.layers[:count] == base.layers


def own_sizes(images: Sequence[Image]) -> dict[str, int]:
    """By id, what each image adds to the one of *images* that it was built upon."""
    below = _nearest(images, lambda _: True)
    return {
        image.id: image.size - (under.size if (under := below(image)) else 0) for image in images
    }


def _nearest(
    images: Iterable[Image], wanted: Callable[[Image], bool]
) -> Callable[[Image], Image | None]:
    """Finds the nearest image below another among those of *images* that are *wanted*."""
    by_layers = {image.layers: image for image in images if image.layers and wanted(image)}

    def below(image: Image) -> Image | None:
        shorter = (image.layers[:count] for count in range(len(image.layers) - 1, 0, -1))
        return next((by_layers[layers] for layers in shorter if layers in by_layers), None)

    return below
