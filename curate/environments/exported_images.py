"""Images as files, for sandboxes without an engine that has them: found, loaded, converted once."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from curate.builders.errors import SandboxError
from curate.builders.process.file_lock import file_lock
from curate.builders.settings import BuildSettings
from curate.core.task import Task

if TYPE_CHECKING:
    import docker

    from curate.builders.engine.oci_layout import OciLayout

log = logging.getLogger(__name__)

LAYOUT_FOLDER = "oci"  # in the folder of exported images


class MissingImageError(SandboxError):
    """A task's image or folder is neither here nor where it was published."""


def list_references(task: Task) -> tuple[str, ...]:
    """Return the image by the digest of its manifest where it was pushed, else by its id."""
    return (task.image,) if "@" in task.image else (task.image_digest, task.image)


def name_sif(task: Task) -> str:
    """Return the name of the SIF file of *task*'s image: the id of the instance, and the digest."""
    return f"{task.instance_id}@{task.image_digest.removeprefix('sha256:')[:16]}.sif"


def open_layout(folder: Path) -> "OciLayout":
    """Return the layout in *folder*, a folder of exported images, which need not exist."""
    from curate.builders.engine.oci_layout import OciLayout

    return OciLayout(folder / LAYOUT_FOLDER)


def load_exported(task: Task, engine: "docker.DockerClient", settings: BuildSettings) -> str | None:
    """Return the image of *task* on Podman's *engine*, loaded from the exported ones if needed.

    None if it is neither here nor exported.
    """
    from curate.builders.engine.client import translate_engine_errors
    from curate.builders.engine.podman import load_layout, run_podman
    from curate.builders.images.build import image_exists

    with translate_engine_errors():
        for reference in list_references(task):
            if image_exists(engine, reference):
                return reference
    name = name_podman_image(task)
    with file_lock(settings.cache_dir / "locks", name.rpartition(":")[2]):
        with translate_engine_errors():
            if image_exists(engine, name):
                return name
        image = settings.images_dir and open_layout(settings.images_dir).find(task.image_digest)
        if settings.images_dir and image:
            log.info("%s: loading %s", task.instance_id, image.name)
            layout = open_layout(settings.images_dir)
            run_podman(["tag", load_layout(layout.folder, image.name), name])
            return name
    if "@" in task.image:
        return None
    raise _make_missing_error(task, "oci")


def name_podman_image(task: Task) -> str:
    """Return the name that an exported image has in Podman's storage."""
    return f"localhost/curate/exported:{task.image_digest.removeprefix('sha256:')}"


def find_sif(task: Task, settings: BuildSettings) -> Path:
    """Return the SIF file of *task*'s image: exported, or made once in the cache.

    It is made of the exported OCI layout, or of the image in the registry. Raises
    MissingImageError if there is neither.
    """
    from curate.builders.engine.apptainer import build_sif, build_sif_of_layout

    name, cache = name_sif(task), settings.cache_dir / "sif"
    exported = [settings.images_dir / name] if settings.images_dir else []
    target = cache / name
    with file_lock(cache / "locks", name):
        for path in (*exported, target):
            if path.is_file():
                return path
        layout = settings.images_dir and open_layout(settings.images_dir)
        image = layout.find(task.image_digest) if layout else None
        if layout and image:
            log.info("%s: making a SIF file of %s", task.instance_id, image.name)
            build_sif_of_layout(layout, image, target, cache)
            return target
        if "@" not in task.image:
            raise _make_missing_error(task, "sif")
        log.info("%s: pulling %s", task.instance_id, task.image)
        try:
            build_sif(f"docker://{task.image}", target, cache)
        except SandboxError as error:
            raise MissingImageError(
                f"the image of {task.instance_id} cannot be pulled: {error}",
                hint="Check the network, or export it elsewhere: curate images export.",
            ) from error
    return target


def _make_missing_error(task: Task, kind: str) -> MissingImageError:
    return MissingImageError(
        f"the image of {task.instance_id} is not on this machine, and was never pushed",
        hint=f"Where it is: curate images export {task.instance_id} --format {kind}; then copy"
        " the files and set images_dir.",
    )
