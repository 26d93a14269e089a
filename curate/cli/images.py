"""`curate images prune`: make room on the engine by hand."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import open_store, print_json, settings_of, talk
from curate.core.errors import BadInput
from curate.core.settings import Settings

if TYPE_CHECKING:
    from builders.image_gc.collect import Going, Room, Used
    from builders.image_gc.inventory import Environment

EXAMPLE = "Example: [bold]curate images prune --keep 20 --dry-run[/bold]"

images = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", epilog=EXAMPLE)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(images, name="images", help="Images on this machine.", epilog=EXAMPLE)


@images.callback()
def group() -> None:
    """Images on this machine."""


@images.command("prune", epilog=EXAMPLE)
def prune(
    context: typer.Context,
    keep: Annotated[
        float | None, typer.Option(min=0, metavar="GIB", help="May stay. [default: disk_gib]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove the environments that were not used for longest, and build cache nobody needs.

    What is in use stays, and what is verified but not pushed (setting `keep_unpushed`).
    """
    from builders.engine.client import connect
    from builders.image_gc.collect import PATIENCE, Room
    from builders.image_gc.last_used import Uses

    settings = settings_of(context)
    if keep is None and not settings.disk_gib:
        hint = "Give --keep GIB, or set disk_gib."
        raise BadInput("It is not said how much may stay.", hint=hint)
    building = settings.building()
    unpushed = _unpushed(settings)
    room = Room(
        connect(timeout=PATIENCE), building, Uses(building.cache / "uses"), kept=lambda: unpushed
    )
    used = room.used()
    limit = building.disk_bytes if keep is None else int(keep * 2**30)
    going = room.make(limit, dry=dry_run)
    if as_json:
        rows = [_document(room, each) for each in going.environments]
        counts = {"goes": going.size, "packages": going.packages, "over": going.over}
        print_json({"used": used.total, **counts, "environments": rows})
        return
    for each in going.environments:
        when = datetime.fromtimestamp(room.last(each), UTC)
        size = f"{each.size / 1e6:,.0f} MB, {each.instances} instances"
        typer.echo(f"{each.name}: {size}, last used {when:%Y-%m-%d %H:%M}")
    _tell(used, going, "would go" if dry_run else "went")


def _document(room: "Room", environment: "Environment") -> dict[str, object]:
    when = datetime.fromtimestamp(room.last(environment), UTC)
    return {
        "environment": environment.name,
        "instances": environment.instances,
        "bytes": environment.size,
        "last_use": when.isoformat(timespec="seconds"),
    }


def _tell(used: "Used", going: "Going", verb: str) -> None:
    packages = ", the cache of packages" if going.packages else ""
    talk.print(
        f"{going.size / 2**30:.2f} of {used.total / 2**30:.2f} GiB {verb}:"
        f" {len(going.environments)} environments{packages},"
        f" {used.leftovers / 1e6:,.0f} MB of build cache"
    )
    if going.over:
        talk.print(
            f"{going.over / 2**30:.2f} GiB too much stay: in use, built upon by others, known by"
            " another name, or verified and not pushed (curate publish images, keep_unpushed)"
        )


def _unpushed(settings: Settings) -> frozenset[str]:
    """Ids of images that must stay; none where there is no store."""
    if not settings.keep_unpushed or not (settings.data / "curate.sqlite").exists():
        return frozenset()
    with open_store(settings) as store:
        return store.unpushed()
