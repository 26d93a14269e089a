"""Images of instances that curate has pulled: they may go when the disk is short.

An image that was on the engine before is its user's, and stays.
"""

from collections.abc import Collection
from pathlib import Path

import docker

from curate.builders.image_gc.inventory import (
    EngineImage,
    EnvironmentImages,
    compute_own_sizes,
)
from curate.builders.process.digest import content_hash


def find_pulled_folder(engine: docker.DockerClient, cache_dir: Path) -> Path:
    """Return the folder in *cache_dir* for notes of what was pulled to *engine*."""
    info = engine.info()
    return cache_dir / "pulled" / content_hash(f"{info['Name']}:{info['DockerRootDir']}")[:16]


def find_pulled(
    images: Collection[EngineImage], references: Collection[str]
) -> list[EnvironmentImages]:
    """Return those of *images* that curate has pulled, each to be removed by itself.

    One that also has a tag is kept.
    """
    sizes = compute_own_sizes(list(images))
    return [
        EnvironmentImages(
            name=digest,
            images=(image,),
            size=sizes[image.id],
            is_removable=not image.own_names and not image.other_names,
        )
        for image in images
        for digest in image.digests
        if digest in references
    ]
