"""`curate publish images`: images of verified instances to a registry."""

from typing import Annotated

import typer

from curate.cli.common import (
    JsonOption,
    err_console,
    get_settings,
    open_store,
    print_json,
    require_finite,
)
from curate.cli.progress import show_work
from curate.core.errors import CurateError
from curate.publish.push_estimate import PushEstimate
from curate.publish.run import estimate_missing_images, push_missing_images

EXAMPLE = "Example: [bold]curate publish images --registry ghcr.io/my-lab[/bold]"
RegistryOption = Annotated[
    str, typer.Option(metavar="HOST/NAMESPACE", help="Registry that images are pushed to.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Dry run.")]


def images_command(
    context: typer.Context,
    registry: RegistryOption,
    limit: Annotated[
        float | None,
        typer.Option(
            "--budget",
            metavar="GB",
            callback=require_finite,
            help="Push nothing if it would be more than this.",
        ),
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Push the images of verified instances that a registry lacks, after an estimate."""
    with open_store(get_settings(context)) as store:
        estimate = estimate_missing_images(store, registry)
        _print_push_estimate(estimate)
        if limit is not None and estimate.total_bytes > limit * 1e9:
            raise CurateError(
                f"{estimate.total_bytes / 1e9:.2f} GB exceed the budget of {limit:g} GB.",
                hint="Nothing was pushed. Raise --budget.",
            )
        with show_work(f"pushing images to {registry}"):
            pushed = {} if dry_run else push_missing_images(store, registry)
    if as_json:
        print_json({**vars(estimate), "total_bytes": estimate.total_bytes, "pushed": len(pushed)})


def _print_push_estimate(estimate: PushEstimate) -> None:
    err_console.print(
        f"{estimate.images_to_send:,} images to push, {estimate.images_present:,} up to date"
    )
    for kind, size in estimate.bytes_by_layer.items():
        err_console.print(f"  {estimate.layer_counts[kind]:,} {kind} layers: {size / 1e6:,.0f} MB")
    err_console.print(f"  {estimate.total_bytes / 1e6:,.0f} MB in total, before compression")
