"""The base image: whether its name still stands for what images here were built on."""

import docker

from curate.builders.engine.client import translate_engine_errors
from curate.builders.images.plan import plan_base_layer
from curate.builders.settings import BuildSettings


def has_base_moved(engine: docker.DockerClient, settings: BuildSettings) -> bool:
    """Whether the engine has another base image of that name than its base layer rests on.

    Layers are named after the name of the base image, not after its content, so that machines
    whose copies differ can share them. False if the engine lacks one of the two.

    Raises:
        EngineUnavailableError: The engine failed.
    """
    layer = _list_layers(engine, plan_base_layer(settings).tag)
    named = _list_layers(engine, settings.base_image)
    return bool(layer and named) and layer[: len(named)] != named


def _list_layers(engine: docker.DockerClient, name: str) -> list[str]:
    """Return the digests of the file systems of image *name*, from the bottom up; [] = none."""
    with translate_engine_errors():
        try:
            return list(engine.images.get(name).attrs["RootFS"]["Layers"])
        except docker.errors.ImageNotFound:
            return []
