"""`curate status`: the funnel by repository, stage and reason."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from curate.cli.common import open_store, print_json, settings_of
from curate.store import Funnel

EXAMPLE = "Example: [bold]curate status --json | jq .repositories[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog=EXAMPLE)(status)


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how many pulls came how far, and why the others fell."""
    with open_store(settings_of(context)) as store:
        funnels = [store.funnel(repo) for repo in store.repositories()]
    if as_json:
        print_json({"repositories": {funnel.repo: funnel.as_dict() for funnel in funnels}})
        return
    console = Console(highlight=False)
    if not funnels:
        console.print("Nothing is stored yet. Begin with: curate crawl OWNER/NAME")
        return
    console.print(_counts(funnels), end="\n\n")
    console.print(_reasons(funnels))


def _table(title: str) -> Table:
    """Narrow enough for long repository names in a terminal of 80 columns."""
    return Table(title=title, title_justify="left", box=None, pad_edge=False)


def _counts(funnels: list[Funnel]) -> Table:
    table = _table("Funnel")
    table.add_column("repository", overflow="fold")
    for name in ("pulls", "candidates", "validated", "verified", "core-h", "own MB"):
        table.add_column(name, justify="right")
    for funnel in funnels:
        counts = (funnel.pulls, funnel.candidates, funnel.validated, funnel.verified)
        cost = (f"{funnel.core_seconds / 3600:.2f}", f"{funnel.unique_bytes / 1e6:.0f}")
        table.add_row(funnel.repo, *(f"{count:,}" for count in counts), *cost)
    return table


def _reasons(funnels: list[Funnel]) -> Table:
    table = _table("Why the others fell")
    for name in ("repository", "stage", "reason"):
        table.add_column(name, overflow="fold")
    table.add_column("count", justify="right")
    for funnel in funnels:
        for key, count in sorted(funnel.rejected.items(), key=lambda item: -item[1]):
            stage, _, reason = key.partition("/")
            table.add_row(funnel.repo, stage, reason, f"{count:,}")
    return table
