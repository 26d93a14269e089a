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
from curate.builders.process.atomic_write import atomic_write
from curate.builders.process.digest import content_hash


def find_pulled_folder(engine: docker.DockerClient, cache_dir: Path) -> Path:
    """Return the folder in *cache_dir* for notes of what was pulled to *engine*."""
    info = engine.info()
    return cache_dir / "pulled" / content_hash(f"{info['Name']}:{info['DockerRootDir']}")[:16]


def note_pulled(folder: Path, reference: str) -> None:
    """Note in *folder* that curate has pulled *reference*, "repository@sha256:…"."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / content_hash(reference)) as path:
        path.write_text(reference, encoding="utf-8")


def read_pulled(folder: Path) -> frozenset[str]:
    """Return the references that are noted in *folder*."""
    notes = (path.read_text(encoding="utf-8") for path in folder.glob("[0-9a-f]*"))
    return frozenset(notes) if folder.is_dir() else frozenset()


def forget_pulled(folder: Path, reference: str) -> None:
    """Remove the note of *reference*."""
    (folder / content_hash(reference)).unlink(missing_ok=True)


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
