"""The image of an instance, pushed from the machine that built it."""

from curate.builders.backends.protocol import Backend
from curate.builders.engine.client import translate_engine_errors
from curate.core.model import Environment
from curate.releases.image_names import image_repository_name


def push_instance_image(
    backend: Backend, instance_id: str, environment: Environment, registry: str
) -> str:
    """Push the image of *environment* to *registry* and return its reference by digest.

    Raises RegistryError, EngineUnavailableError.
    """
    from curate.builders.backends.docker import DockerBackend
    from curate.builders.engine.registry import push_image

    assert isinstance(backend, DockerBackend)
    repository = image_repository_name(registry, instance_id)
    with translate_engine_errors():
        pushed = push_image(backend.engine, environment.handle, repository, "latest")
        # a tag would block the eviction of the image
        backend.engine.images.remove(f"{repository}:latest", noprune=True)
    return pushed.reference
