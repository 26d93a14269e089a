"""The image or folder in which a task's tests run, made available to a backend."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from curate.builders.backends.protocol import Backend
from curate.builders.model import BuiltInstance
from curate.core.task import Task
from curate.environments.exported_images import (
    MissingImageError,
    find_sif,
    list_references,
    load_exported,
)

if TYPE_CHECKING:
    from curate.builders.backends.docker import DockerBackend

log = logging.getLogger(__name__)


def prepare_instance(task: Task, backend: Backend, user: str = "") -> BuiltInstance:
    """Return the instance of *task* for *backend*; its image is pulled if it is not here.

    What was pulled may be removed again after `backend.release_instance(user)`; *user* is the
    instance id unless another is given.

    Raises MissingImageError if there is none, EngineUnavailableError if no engine responds.
    """
    if backend.name != "local":
        return _make_built(task, backend.name, _find_image(task, backend, user))
    folder = Path(task.image)
    if task.image_digest or not folder.is_absolute() or not (folder / "checkout").is_dir():
        raise MissingImageError(
            f"{task.instance_id} was not built by the {backend.name} sandbox on this machine",
            hint=f"Run: curate validate {task.instance_id} --sandbox {backend.name}",
        )
    return _make_built(task, backend.name, task.image)


def _find_image(task: Task, backend: Backend, user: str) -> str:
    """Return what *backend* runs: an image of an engine, or the path of a SIF file."""
    from curate.builders.backends.apptainer import ApptainerBackend
    from curate.builders.backends.docker import DockerBackend
    from curate.builders.backends.podman import PodmanBackend

    if not task.image_digest:
        raise MissingImageError(
            f"{task.instance_id} has no image: the local sandbox built its environment",
            hint="Grade it with --sandbox local, or validate it with --sandbox docker.",
        )
    if isinstance(backend, ApptainerBackend):
        return str(find_sif(task, backend.settings))
    assert isinstance(backend, DockerBackend)
    if isinstance(backend, PodmanBackend):
        exported = load_exported(task, backend.engine, backend.settings)
        if exported:
            return exported
    return pull_if_missing(task, backend, user)


def pull_if_missing(task: Task, backend: "DockerBackend", user: str = "") -> str:
    """Return the image by its digest, pulled if needed; it stays until it is released."""
    from curate.builders.engine.client import translate_engine_errors
    from curate.builders.engine.registry import RegistryError, RegistryUnavailableError
    from curate.builders.images.build import image_exists

    with translate_engine_errors():
        for reference in list_references(task):
            backend.lease_image(user or task.instance_id, reference)
            if image_exists(backend.engine, reference):
                return reference
        reference = list_references(task)[0]
        log.info("%s: pulling %s", task.instance_id, reference)
        try:
            backend.pull_instance(reference)
        except RegistryUnavailableError:
            raise
        except RegistryError as error:
            raise MissingImageError(
                f"the image of {task.instance_id} is gone: {error}",
                hint="Ask who published the dataset, or rebuild it: curate validate.",
            ) from error
    return reference


def _make_built(task: Task, backend: str, handle: str) -> BuiltInstance:
    return BuiltInstance(
        name=task.instance_id,
        backend=backend,
        handle=handle,
        environment_key="",
        digest=task.image_digest,
    )
