"""`curate store merge`: make one store of those of several machines."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import JsonOption, err_console, get_settings, open_store, print_json
from curate.cli.suggestions import complete_commands
from curate.core.errors import StoreError
from curate.core.settings import Settings
from curate.store.process_lock import PURPOSES, process_lock

if TYPE_CHECKING:
    from curate.store.merge import MergeReport

EXAMPLE = "Example: [bold]curate --data-dir all store merge shards/*[/bold]"

store_group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", epilog=EXAMPLE)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(store_group, name="store", help="Merge stores.", epilog=EXAMPLE)


@store_group.callback()
def describe_group() -> None:
    """Stores of several machines."""


@store_group.command("merge", epilog=EXAMPLE)
def merge_command(
    context: typer.Context,
    sources: Annotated[
        list[Path], typer.Argument(metavar="STORE…", help="Data directories, or their databases.")
    ],
    into: Annotated[
        Path | None,
        typer.Option(metavar="DATA_DIR", help="Store to merge into. (default: --data-dir)"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Merge stores into that of the data directory, which is made if it is missing.

    The stores that are merged are not changed. Order and repetition make no difference: of two
    versions the newer one counts. Where validations of the same inputs contradict each other, the
    candidate is set aside: it counts as rejected for contradictory-verdicts.

    Drafted recipes are merged as well; of two different ones, the one that was written last.
    Mirrors, images, logs and unfinished validations are not merged. With exit code 7, a store was
    not merged; all others were.
    """
    from curate.store.merge import merge_stores

    settings = get_settings(context, data_dir=into)
    with open_store(settings) as target, ExitStack() as locks:
        for purpose in PURPOSES:
            locks.enter_context(process_lock(settings.data_dir, purpose))
        report = merge_stores(target, sources)
    if as_json:
        print_json(_as_document(report))
    _print_report(report, settings)
    if report.skipped:
        path, problem = next(iter(report.skipped.items()))
        total = len(report.skipped) + len(report.merged)
        raise StoreError(
            f"{len(report.skipped):,} of {total:,} stores were not merged, the first: {path}"
            f" {problem}.",
            hint="The others were merged. The same command again merges what is missing.",
        )


def _as_document(report: "MergeReport") -> dict[str, object]:
    return {
        "merged": [asdict(one) for one in report.merged],
        "skipped": {str(path): problem for path, problem in report.skipped.items()},
        "set_aside": {one.instance_id: list(one.verdicts) for one in report.set_aside},
    }


def _print_report(report: "MergeReport", settings: Settings) -> None:
    def say(text: str) -> None:
        err_console.print(text, markup=False, soft_wrap=True)

    for one in report.merged:
        say(f"{one.path}: {one.pulls:,} PRs and {one.validations:,} validations are new.")
        if one.lost_candidates:
            say(
                f"  {one.lost_candidates:,} candidates belong to older versions of their PRs."
                f" To make them again: {complete_commands('curate crawl')}"
            )
        for recipe in one.different_recipes:
            say(f"  recipes/{recipe} differs: the one that was written last is used.")
    for path, problem in report.skipped.items():
        say(f"{path} {problem}.")
    for aside in report.set_aside:
        say(f"{aside.instance_id} is set aside: {' | '.join(aside.verdicts)}")
    say(f"Merged into {settings.data_dir}. Next: {complete_commands('curate status')}")
