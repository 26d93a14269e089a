"""`curate status`: the funnel by stage, rejections by reason, exclusions from a release."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.markup import escape

from curate.cli.common import (
    describe_empty_store,
    get_settings,
    has_store,
    open_store,
    print_json,
)
from curate.cli.console import WholeLineConsole
from curate.cli.suggestions import complete_commands
from curate.cli.tables import TextTable, print_table
from curate.core.settings import Settings
from curate.core.troubleshooting import locate_entry
from curate.publish.excluded import KnownExclusions, count_by_reason, known_exclusions
from curate.store import RepositoryFunnel, Store
from curate.store.verdicts import REASON, STAGE

EXAMPLE = "Example: [bold]curate status --json | jq .repositories[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog=EXAMPLE)(status_command)


def status_command(
    context: typer.Context,
    cost: Annotated[
        bool, typer.Option("--cost", help="Show what validations cost, step by step, instead.")
    ] = False,
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
        if cost:
            from curate.cli.status_cost import show_costs

            show_costs(store, console, as_json=as_json)
            return
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
    console.print("[italic]Funnel by stage[/italic]")
    print_table(console, _funnel_table(funnels))
    if any(funnel.rejected for funnel in funnels):
        console.print("\n[italic]Rejections by reason[/italic]")
        print_table(console, _rejections_table(funnels))
        entry = locate_entry("rejections")
        console.print(f"\nWhat each means, and what to do: {entry}", soft_wrap=True)
    if aside := sum(funnel.rejected.get(f"{STAGE}/{REASON}", 0) for funnel in funnels):
        text = f"Set aside by a merge, as their validations contradict each other: {aside:,}."
        command = complete_commands(f"curate list --reason {REASON}")
        console.print(f"\n{text} See: {command}", soft_wrap=True)
    if known.exclusions:
        preset, total = settings.release_filters, len(known.exclusions)
        title = f"Excluded by filter preset '{preset}': {total:,} verified instances"
        console.print(f"\n[italic]{escape(title)}[/italic]", soft_wrap=True)
        print_table(console, _exclusions_table(excluded))
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


def _funnel_table(funnels: Sequence[RepositoryFunnel]) -> TextTable:
    """One space between columns, so that long names fit into 80 characters."""
    names = ("PRs", "candidates", "attempted", "verified", "work-h", "unique MB")
    return TextTable(
        columns=("repository", *names),
        rows=[(funnel.repo, *_count_stages(funnel)) for funnel in funnels],
        numbers=frozenset(range(1, len(names) + 1)),
        gap=1,
    )


def _count_stages(funnel: RepositoryFunnel) -> tuple[str, ...]:
    counts = (funnel.pulls, funnel.candidates, funnel.attempted, funnel.verified)
    cost = (f"{funnel.work_seconds / 3600:.2f}", f"{funnel.unique_bytes / 1e6:.0f}")
    return (*(f"{count:,}" for count in counts), *cost)


def _exclusions_table(excluded: Mapping[str, Mapping[str, int]]) -> TextTable:
    rows = [
        (repo, reason, f"{count:,}")
        for repo, reasons in excluded.items()
        for reason, count in reasons.items()
    ]
    return TextTable(columns=("repository", "reason", "count"), rows=rows, numbers=frozenset({2}))


def _rejections_table(funnels: Sequence[RepositoryFunnel]) -> TextTable:
    rows = [
        (funnel.repo, *key.partition("/")[::2], f"{count:,}")
        for funnel in funnels
        for key, count in sorted(funnel.rejected.items(), key=lambda item: -item[1])
    ]
    columns = ("repository", "stage", "reason", "count")
    return TextTable(columns=columns, rows=rows, numbers=frozenset({3}))
