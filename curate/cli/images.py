"""`curate images prune`: evict environments from the engine by hand; and the group of commands."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import err_console, get_settings, open_store, print_json, require_finite
from curate.cli.images_export import EXAMPLE as EXPORT_EXAMPLE
from curate.cli.images_export import export_command
from curate.core.errors import ConfigurationError
from curate.core.settings import Settings

if TYPE_CHECKING:
    from curate.builders.image_gc.collect import DiskUsage, ImageGC, PruningPlan
    from curate.builders.image_gc.inventory import EnvironmentImages

EXAMPLE = "Example: [bold]curate images prune --keep 20 --dry-run[/bold]"

images = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", epilog=EXAMPLE)


def register(app: typer.Typer) -> None:
    """Add the group."""
    images.command("export", epilog=EXPORT_EXAMPLE)(export_command)
    app.add_typer(images, name="images", help="Images on this machine.", epilog=EXAMPLE)


@images.callback()
def images_group() -> None:
    """Images on this machine."""


@images.command("prune", epilog=EXAMPLE)
def prune_command(
    context: typer.Context,
    keep: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="GIB",
            callback=require_finite,
            help="Size to keep. (default: image_disk_limit_gib)",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Dry run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Evict the least recently used environments, and unused build cache.

    Environments in use are kept, and those of verified instances that are not pushed (setting
    `keep_unpushed_images`).
    """
    from curate.builders.engine.client import connect_to_engine
    from curate.builders.image_gc.collect import ENGINE_TIMEOUT, ImageGC
    from curate.builders.image_gc.last_used import EnvironmentLeases

    settings = get_settings(context)
    if keep is None and not settings.image_disk_limit_gib:
        hint = "Give --keep GIB, or set image_disk_limit_gib."
        raise ConfigurationError("No size limit given.", hint=hint)
    building = settings.build_settings()
    unpushed = _list_unpushed_images(settings)
    image_gc = ImageGC(
        connect_to_engine(timeout=ENGINE_TIMEOUT, ping_timeout=settings.network_timeout),
        building,
        EnvironmentLeases(building.cache_dir / "uses"),
        protected_images=lambda: unpushed,
    )
    usage = image_gc.measure_usage()
    limit = building.image_disk_limit_bytes if keep is None else int(keep * 2**30)
    plan = image_gc.free_space(limit, dry_run=dry_run)
    if as_json:
        rows = [_environment_document(image_gc, each) for each in plan.environments]
        counts = {
            "freed": plan.freed_bytes,
            "packages": plan.prune_packages,
            "over_limit": plan.bytes_over_limit,
        }
        print_json({"used": usage.total_bytes, **counts, "environments": rows})
        return
    for each in plan.environments:
        when = datetime.fromtimestamp(image_gc.last_use(each), UTC)
        size = f"{each.size / 1e6:,.0f} MB, {each.instance_count} instances"
        typer.echo(f"{each.name}: {size}, last used {when:%Y-%m-%d %H:%M}")
    _print_pruning(usage, plan, "would be freed" if dry_run else "freed")


def _environment_document(
    image_gc: "ImageGC", environment: "EnvironmentImages"
) -> dict[str, object]:
    when = datetime.fromtimestamp(image_gc.last_use(environment), UTC)
    return {
        "environment": environment.name,
        "instances": environment.instance_count,
        "bytes": environment.size,
        "last_use": when.isoformat(timespec="seconds"),
    }


def _print_pruning(usage: "DiskUsage", plan: "PruningPlan", verb: str) -> None:
    packages = ", package cache" if plan.prune_packages else ""
    err_console.print(
        f"{plan.freed_bytes / 2**30:.2f} of {usage.total_bytes / 2**30:.2f} GiB {verb}:"
        f" {len(plan.environments)} environments{packages},"
        f" {usage.unused_build_cache / 1e6:,.0f} MB of build cache"
    )
    if plan.bytes_over_limit:
        err_console.print(
            f"{plan.bytes_over_limit / 2**30:.2f} GiB over the limit are kept: in use, below other"
            " images, tagged by others, or verified and not pushed; to push"
            " these: curate publish images --registry HOST/NAMESPACE",
            soft_wrap=True,
        )


def _list_unpushed_images(settings: Settings) -> frozenset[str]:
    """Ids of images to keep; none where there is no store."""
    if not settings.keep_unpushed_images or not (settings.data_dir / "curate.sqlite").exists():
        return frozenset()
    with open_store(settings) as store:
        return store.unpushed_images()
