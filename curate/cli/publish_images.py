"""`curate publish images`: images of verified instances to a registry."""

from typing import Annotated

import typer

from curate.cli.common import (
    FiltersOption,
    JsonOption,
    err_console,
    get_settings,
    open_store,
    print_json,
    require_finite,
)
from curate.cli.progress import show_phases, show_work
from curate.core.errors import CurateError
from curate.publish.filters.config import read_filters
from curate.publish.images import (
    PushedImages,
    estimate_missing_images,
    push_missing_images,
    require_all_pushed,
)
from curate.publish.push_estimate import PushEstimate
from curate.publish.run import ReleaseOptions, select_release_ids
from curate.releases.image_names import normalize_registry
from curate.store.process_lock import PUBLICATION, process_lock

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
    release_filters: FiltersOption = None,
    where: Annotated[str, typer.Option(metavar="SQL", help="Condition on verified rows.")] = "",
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Push the images of a release that a registry lacks, after an estimate.

    A release has the verified instances that its filters include. An image that cannot be pushed
    is told, and the others are pushed; the same command again sends what is missing.
    """
    settings, registry = get_settings(context), normalize_registry(registry)
    filters = read_filters(release_filters or settings.release_filters)
    # One that a registry has lost is excluded until it is there again.
    tests = filters.tests.model_copy(update={"failed_certification": "include"})
    filters = filters.model_copy(update={"tests": tests})
    pushed = PushedImages()
    with open_store(settings) as store:
        with show_phases() as progress:
            options = ReleaseOptions(filters=filters, where=where, progress=progress)
            ids = select_release_ids(settings, store, options)
        estimate = estimate_missing_images(store, registry, ids)
        _print_push_estimate(estimate)
        if limit is not None and estimate.total_bytes > limit * 1e9:
            raise CurateError(
                f"{estimate.total_bytes / 1e9:.2f} GB exceed the budget of {limit:g} GB.",
                hint="Nothing was pushed. Raise --budget.",
            )
        if not dry_run:
            with (
                process_lock(settings.data_dir, PUBLICATION),
                show_work(f"pushing images to {registry}"),
            ):
                pushed = push_missing_images(store, registry, ids, settings.network_timeout)
    if as_json:
        failed = {name: str(error) for name, error in pushed.failures.items()}
        counts = {"total_bytes": estimate.total_bytes, "pushed": len(pushed.images)}
        print_json({**vars(estimate), **counts, "failed": failed})
    require_all_pushed(pushed)


def _print_push_estimate(estimate: PushEstimate) -> None:
    err_console.print(
        f"{estimate.images_to_send:,} images to push, {estimate.images_present:,} up to date"
    )
    for kind, size in estimate.bytes_by_layer.items():
        err_console.print(f"  {estimate.layer_counts[kind]:,} {kind} layers: {size / 1e6:,.0f} MB")
    err_console.print(f"  {estimate.total_bytes / 1e6:,.0f} MB in total, before compression")
