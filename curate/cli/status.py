"""`curate status`: the funnel by stage, rejections by reason, exclusions from a release."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from curate.cli.common import (
    describe_empty_store,
    get_settings,
    has_store,
    open_store,
    print_json,
)
from curate.cli.console import WholeLineConsole
from curate.cli.suggestions import complete_commands
from curate.core.settings import Settings
from curate.publish.excluded import KnownExclusions, count_by_reason, known_exclusions
from curate.store import RepositoryFunnel, Store
from curate.store.verdicts import REASON, STAGE

EXAMPLE = "Example: [bold]curate status --json | jq .repositories[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog=EXAMPLE)(status_command)


def status_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Show the funnel by stage, rejections by reason, and exclusions from a release.

    work-h: hours of CPU time of test runs, and of wall time of locks and builds.

    Exclusions are by the setting `release_filters`; `curate publish check` lists them one by one.
    """
    settings = get_settings(context)
    console = WholeLineConsole()
    if not has_store(settings):
        if as_json:
            print_json({"repositories": {}})
        else:
            console.print(describe_empty_store(settings), soft_wrap=True)
        return
    with open_store(settings) as store:
        funnels = store.list_funnels()
        known, excluded = _count_exclusions(settings, store, funnels)
    if as_json:
        print_json(
            {
                "repositories": {
                    one.repo: {**one.as_dict(), "excluded": excluded.get(one.repo, {})}
                    for one in funnels
                },
                **({"unexamined": known.unknown} if known.unknown else {}),
            }
        )
        return
    if not funnels:
        console.print(describe_empty_store(settings), soft_wrap=True)
        return
    console.print(_funnel_table(funnels))
    if any(funnel.rejected for funnel in funnels):
        console.print()
        console.print(_rejections_table(funnels))
    if aside := sum(funnel.rejected.get(f"{STAGE}/{REASON}", 0) for funnel in funnels):
        text = f"Set aside by a merge, as their validations contradict each other: {aside:,}."
        command = complete_commands(f"curate list --reason {REASON}")
        console.print(f"\n{text} See: {command}", soft_wrap=True)
    if known.exclusions:
        preset, total = settings.release_filters, len(known.exclusions)
        title = f"Excluded by filter preset '{preset}': {total:,} verified instances"
        console.print(f"\n[italic]{escape(title)}[/italic]", soft_wrap=True)
        console.print(_exclusions_table(excluded))
    if known.unknown:
        text = f"{known.unknown:,} instances are not examined by release filters yet."
        console.print(f"\n{text} See: curate publish check", soft_wrap=True)


def _count_exclusions(
    settings: Settings, store: Store, funnels: Sequence[RepositoryFunnel]
) -> tuple[KnownExclusions, Mapping[str, Mapping[str, int]]]:
    """Verified instances that filters exclude, and their number by repository and reason."""
    if not any(funnel.verified for funnel in funnels):
        return KnownExclusions(), {}
    known = known_exclusions(settings, store)
    return known, {
        funnel.repo: count_by_reason(known.exclusions, funnel.repo) for funnel in funnels
    }


def _make_table(title: str = "") -> Table:
    """A table for 80 columns, also with long repository names."""
    return Table(title=title or None, title_justify="left", box=None, pad_edge=False)


def _funnel_table(funnels: Sequence[RepositoryFunnel]) -> Table:
    table = _make_table("Funnel by stage")
    table.padding = (0, 1, 0, 0)  # one space between columns: long names fit into 80 columns
    table.add_column("repository", overflow="fold")
    for name in ("PRs", "candidates", "attempted", "verified", "work-h", "unique MB"):
        table.add_column(name, justify="right")
    for funnel in funnels:
        counts = (funnel.pulls, funnel.candidates, funnel.attempted, funnel.verified)
        cost = (f"{funnel.work_seconds / 3600:.2f}", f"{funnel.unique_bytes / 1e6:.0f}")
        table.add_row(funnel.repo, *(f"{count:,}" for count in counts), *cost)
    return table


def _exclusions_table(excluded: Mapping[str, Mapping[str, int]]) -> Table:
    table = _make_table()
    for name in ("repository", "reason"):
        table.add_column(name, overflow="fold")
    table.add_column("count", justify="right")
    for repo, reasons in excluded.items():
        for reason, count in reasons.items():
            table.add_row(repo, reason, f"{count:,}")
    return table


def _rejections_table(funnels: Sequence[RepositoryFunnel]) -> Table:
    table = _make_table("Rejections by reason")
    for name in ("repository", "stage", "reason"):
        table.add_column(name, overflow="fold")
    table.add_column("count", justify="right")
    for funnel in funnels:
        for key, count in sorted(funnel.rejected.items(), key=lambda item: -item[1]):
            stage, _, reason = key.partition("/")
            table.add_row(funnel.repo, stage, reason, f"{count:,}")
    return table
