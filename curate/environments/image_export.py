"""Export images of instances as files: an OCI layout, or one SIF file each.

What is there with the right digest is not exported again. One image that cannot be exported is
told, and the others go on.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from curate.builders.errors import BuilderError, DiskFullError, EngineUnavailableError
from curate.builders.process.free_space import check_free_space
from curate.builders.settings import BuildSettings
from curate.core.task import Task
from curate.environments.exported_images import name_sif, open_layout
from curate.environments.observer import BatchObserver
from curate.environments.task_instance import pull_if_missing
from curate.environments.tasks import InvalidTask, TaskSource, make_unknown_error

if TYPE_CHECKING:
    from curate.builders.backends.docker import DockerBackend
    from curate.builders.engine.oci_layout import LayoutImage, OciLayout

log = logging.getLogger(__name__)

FORMATS = ("oci", "sif")
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What an export did, by instance id."""

    exported: Mapping[str, str] = field(default_factory=dict)  # file, or name in the layout
    present: Mapping[str, str] = field(default_factory=dict)  # the same, of earlier exports
    failed: Mapping[str, str] = field(default_factory=dict)  # a sentence


class ImageExporter:
    """Exports images into *folder*, from it, from the engine, or from where they were pushed."""

    def __init__(self, folder: Path, settings: BuildSettings) -> None:
        self.folder, self.settings = folder, settings
        self.layout = open_layout(folder)

    @cached_property
    def backend(self) -> "DockerBackend":
        """The engine, to which it connects where an image is not exported yet."""
        from curate.builders.backends.docker import DockerBackend

        return DockerBackend(self.settings)

    def find_oci(self, task: Task) -> str | None:
        """Return the name of *task*'s image in the layout; None if it is not there."""
        found = self.layout.find(task.image_digest)
        return found.name if found else None

    def export_oci(self, task: Task) -> str:
        """Add *task*'s image to the layout; return its name there. Raises BuilderError."""
        return self._save_into(self.layout, task).name

    def find_sif(self, task: Task) -> str | None:
        """Return the SIF file of *task*'s image; None if there is none."""
        path = self.folder / name_sif(task)
        return str(path) if path.is_file() else None

    def export_sif(self, task: Task) -> str:
        """Make the SIF file of *task*'s image; return its path. Raises BuilderError."""
        from curate.builders.engine.apptainer import build_sif_of_layout
        from curate.builders.process.temp_dirs import temp_dir

        path, cache = self.folder / name_sif(task), self.settings.cache_dir / "sif"
        image = self.layout.find(task.image_digest)
        if image:
            build_sif_of_layout(self.layout, image, path, cache)
            return str(path)
        with temp_dir(cache, "layout") as folder:
            layout = open_layout(folder)
            build_sif_of_layout(layout, self._save_into(layout, task), path, cache)
        return str(path)

    def _save_into(self, layout: "OciLayout", task: Task) -> "LayoutImage":
        from curate.builders.engine.client import translate_engine_errors

        try:
            reference = pull_if_missing(task, self.backend)
            with translate_engine_errors():
                archive = self.backend.engine.api.get_image(reference, chunk_size=_CHUNK)
                return layout.add(task.instance_id, task.image_digest, archive)
        finally:
            self.backend.release_instance(task.instance_id)


def export_images(
    source: TaskSource,
    ids: Iterable[str],
    exporter: ImageExporter,
    kind: str,
    observer: BatchObserver,
) -> ExportReport:
    """Export the images of *ids*, or of all tasks if there are none; *kind* is one of FORMATS.

    Raises:
        OSError: The folder cannot be written.
        EngineUnavailableError: What an export needs is not installed, or does not respond.
        DiskFullError: Too little space is free.
    """
    exporter.folder.mkdir(parents=True, exist_ok=True)
    if kind == "sif":
        from curate.builders.engine.apptainer import check_apptainer

        check_apptainer()
        find, export = exporter.find_sif, exporter.export_sif
    else:
        find, export = exporter.find_oci, exporter.export_oci
    wanted = list(ids) or list(source.ids)
    known = frozenset(source.ids)
    failed = {it: str(make_unknown_error(source, it)) for it in wanted if it not in known}
    exported: dict[str, str] = {}
    present: dict[str, str] = {}
    for task in source.iter_tasks(wanted):
        name = task.instance_id
        if isinstance(task, InvalidTask):
            failed[name] = str(task.error)
        elif there := find(task):
            present[name] = there
        else:
            observer.on_step(name, f"exporting {kind}")
            check_free_space(exporter.folder, exporter.settings.min_free_disk_bytes)
            _export_one(export, task, exported, failed)
        if name in failed:
            log.error("ERROR %s: %s", name, failed[name])
        state = "error" if name in failed else "exported" if name in exported else "present"
        observer.on_done(name, state)
    return ExportReport(exported=exported, present=present, failed=failed)


def _export_one(
    export: Callable[[Task], str], task: Task, exported: dict[str, str], failed: dict[str, str]
) -> None:
    try:
        exported[task.instance_id] = export(task)
    except (EngineUnavailableError, DiskFullError):
        raise
    except BuilderError as error:
        failed[task.instance_id] = f"{error}.{' ' + error.hint if error.hint else ''}"
