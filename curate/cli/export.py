"""`curate export`: rows as a file, or as tasks for another tool."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import FiltersOption, err_console, get_settings, open_store
from curate.cli.progress import show_phases
from curate.core.errors import NotFoundError
from curate.git.locations import find_mirror
from curate.publish.context import PublishContext
from curate.publish.export.harbor import NetworkMode
from curate.publish.filters.config import read_filters
from curate.publish.images import count_local_images
from curate.publish.measures.codebase import CodebaseReader
from curate.releases.image_names import normalize_registry

EXAMPLE = "Example: [bold]curate export --split raw pool.parquet[/bold]"


class ExportSplit(StrEnum):
    """Rows to export."""

    RAW = "raw"
    VERIFIED = "verified"


class ExportFormat(StrEnum):
    """Output format."""

    JSONL = "jsonl"
    NEMO_GYM = "nemo-gym"
    PARQUET = "parquet"
    SWEBENCH = "swebench"
    HARBOR = "harbor"
    FOLDER = "folder"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", epilog=EXAMPLE)(export_command)


def export_command(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or directory; - is stdout (jsonl).")],
    split: Annotated[
        ExportSplit, typer.Option(help="All candidates, or verified ones.")
    ] = ExportSplit.VERIFIED,
    form: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format",
            help="A file, a SWE-bench task repository, Harbor tasks or a directory."
            " (default: by the suffix of PATH, .jsonl or .parquet)",
        ),
    ] = None,
    where: Annotated[str, typer.Option(metavar="SQL", help="Condition on the rows.")] = "",
    registry: Annotated[
        str, typer.Option(metavar="HOST/NAMESPACE", help="Name images as pushed to this registry.")
    ] = "",
    network: Annotated[
        NetworkMode,
        typer.Option(help="What Harbor tasks may reach; no-network needs Harbor's sidecar image."),
    ] = NetworkMode.PUBLIC,
    release_filters: FiltersOption = None,
) -> None:
    """Write candidates or verified instances as a file, or as tasks for another tool."""
    from curate.publish.export.run import (
        FOLDER_FORMATS,
        choose_format,
        require_exportable,
        select_rows,
        write_rows,
    )

    settings = get_settings(context)
    export_format = choose_format(path, form.value if form else None)
    require_exportable(split.value, export_format, path)
    registry = normalize_registry(registry) if registry else ""
    filters = read_filters(release_filters or settings.release_filters)
    with (
        open_store(settings) as store,
        CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases,
        show_phases() as progress,
    ):
        ctx = PublishContext(store=store, codebases=codebases, progress=progress)
        rows, exclusions = select_rows(ctx, split.value, filters, where=where, registry=registry)
        if not rows.ids and export_format in FOLDER_FORMATS:
            raise NotFoundError("No rows match.", hint="See what there is: curate status")
        left_out = write_rows(rows, split.value, export_format, path, progress, network)
        local = count_local_images(rows) if split is ExportSplit.VERIFIED else 0
    err_console.print(
        f"{len(rows) - len(left_out):,} rows written to {path}", markup=False, soft_wrap=True
    )
    if not rows.ids:
        err_console.print("No rows match. See what there is: curate status")
    if local:
        err_console.print(f"{local:,} of {len(rows):,} images exist only on this machine")
    for exclusion in (*exclusions, *left_out):
        err_console.print(
            f"excluded {exclusion.instance_id}: {exclusion.reason}", markup=False, soft_wrap=True
        )
