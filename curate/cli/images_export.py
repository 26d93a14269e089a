"""`curate images export`: images of instances as files, for machines without an engine."""

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import (
    DatasetOption,
    JsonOption,
    SplitOption,
    err_console,
    get_settings,
    open_store,
    print_json,
    resolve_ids,
)
from curate.cli.validation_progress import ValidationProgress
from curate.core.errors import CurateError, NotFoundError
from curate.environments.image_export import ExportReport, ImageExporter, export_images
from curate.environments.tasks import DEFAULT_SPLIT, open_tasks

EXAMPLE = (
    "Example: [bold]curate images export --dataset data/release --format sif --output images[/bold]"
)


class ImageFormat(StrEnum):
    """Files that images are exported as."""

    OCI = "oci"
    SIF = "sif"


class ExportIncompleteError(CurateError):
    """Some images could not be exported; the next call tries them again."""

    exit_code = 3


def export_command(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Instances. (default: all)")
    ] = None,
    form: Annotated[
        ImageFormat,
        typer.Option(
            "--format", help="One OCI layout of all images; or a SIF file each, with apptainer."
        ),
    ] = ImageFormat.OCI,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Images. (default: images_dir)")
    ] = None,
    dataset: DatasetOption = "",
    split: SplitOption = DEFAULT_SPLIT,
    as_json: JsonOption = False,
) -> None:
    """Write the images of instances as files, for sandboxes that need no engine.

    DIR/oci is an OCI layout, which stores layers that images share once; a SIF file is
    DIR/INSTANCE@DIGEST.sif, made of the layout in DIR where it has the image. An image that is
    there is not exported again; one that cannot be exported is told, and the others go on.
    """
    settings = get_settings(context)
    folder = output or settings.effective_images_dir
    with open_store(settings) as store:
        source = open_tasks(dataset, settings, store, split)
        wanted = resolve_ids(store, ids or [])
        with ValidationProgress(len(wanted) or len(source.ids), success="exported") as progress:
            exporter = ImageExporter(folder, settings.build_settings())
            report = export_images(source, wanted, exporter, form.value, progress)
    if as_json:
        print_json({**vars(report), "folder": str(folder)})
    counts = f"{len(report.exported):,} exported, {len(report.present):,} already there"
    err_console.print(f"{counts}: {folder}", markup=False, soft_wrap=True)
    _raise_if_incomplete(report, source.ids)


def _raise_if_incomplete(report: ExportReport, known: Collection[str]) -> None:
    done = len(report.exported) + len(report.present)
    if not report.failed:
        return
    name, reason = next(iter(report.failed.items()))
    message = f"{len(report.failed):,} of {done + len(report.failed):,} images were not exported"
    kind = ExportIncompleteError if set(report.failed) & set(known) else NotFoundError
    raise kind(f"{message}, the first: {name}: {reason}", hint="The same command tries them again.")
