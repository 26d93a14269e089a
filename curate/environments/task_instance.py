"""The image or folder in which a task's tests run, made available to a backend."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from curate.builders.backends.protocol import Backend
from curate.builders.errors import SandboxError
from curate.builders.model import BuiltInstance
from curate.core.task import Task

if TYPE_CHECKING:
    import docker

log = logging.getLogger(__name__)


class MissingImageError(SandboxError):
    """A task's image or folder is neither here nor where it was published."""


def prepare_instance(task: Task, backend: Backend) -> BuiltInstance:
    """Return the instance of *task* for *backend*; its image is pulled if it is not here.

    Raises MissingImageError if there is none, EngineUnavailableError if no engine responds.
    """
    if backend.name == "docker":
        from curate.builders.backends.docker import DockerBackend

        assert isinstance(backend, DockerBackend)
        return _make_built(task, backend.name, _find_image(task, backend.engine))
    folder = Path(task.image)
    if task.image_digest or not (folder / "checkout").is_dir():
        raise MissingImageError(
            f"{task.instance_id} was not built by the {backend.name} sandbox on this machine",
            hint=f"Run: curate validate {task.instance_id} --sandbox {backend.name}",
        )
    return _make_built(task, backend.name, task.image)


def _find_image(task: Task, engine: "docker.DockerClient") -> str:
    """Return what the engine runs: the image by its digest, pulled if needed."""
    from curate.builders.engine.client import translate_engine_errors
    from curate.builders.engine.registry import RegistryError, RegistryUnavailableError, pull_image
    from curate.builders.images.build import image_exists

    if not task.image_digest:
        raise MissingImageError(
            f"{task.instance_id} has no image: the local sandbox built its environment",
            hint="Grade it with --sandbox local, or validate it with --sandbox docker.",
        )
    with translate_engine_errors():
        for reference in _list_references(task):
            if image_exists(engine, reference):
                return reference
        reference = _list_references(task)[0]
        log.info("%s: pulling %s", task.instance_id, reference)
        try:
            pull_image(engine, reference)
        except RegistryUnavailableError:
            raise
        except RegistryError as error:
            raise MissingImageError(
                f"the image of {task.instance_id} is gone: {error}",
                hint="Ask who published the dataset, or rebuild it: curate validate.",
            ) from error
    return reference


def _list_references(task: Task) -> tuple[str, ...]:
    """Return the image by the digest of its manifest where it was pushed, else by its id."""
    return (task.image,) if "@" in task.image else (task.image_digest, task.image)


def _make_built(task: Task, backend: str, handle: str) -> BuiltInstance:
    return BuiltInstance(
        name=task.instance_id,
        backend=backend,
        handle=handle,
        environment_key="",
        digest=task.image_digest,
    )
