"""`curate status`: the funnel by repository, stage and reason, and what a release would lack."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from curate.cli.common import open_store, print_json, settings_of
from curate.cli.holding import Held, counts, held_of
from curate.store import Funnel

EXAMPLE = "Example: [bold]curate status --json | jq .repositories[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog=EXAMPLE)(status)


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how many pulls came how far, why the others fell, and what the rules hold back.

    The rules are those of the setting `rules`; `curate publish check` names each instance.
    """
    settings = settings_of(context)
    with open_store(settings) as store:
        funnels = [store.funnel(repo) for repo in store.repositories()]
        held = held_of(settings, store) if any(funnel.verified for funnel in funnels) else {}
    if as_json:
        print_json({"repositories": {one.repo: _document(one, held) for one in funnels}})
        return
    console = Console(highlight=False)
    if not funnels:
        console.print("Nothing is stored yet. Begin with: curate crawl OWNER/NAME")
        return
    console.print(_counts(funnels), end="\n\n")
    console.print(_reasons(funnels))
    if held:
        title = f"Held back by the rules {settings.rules}: {len(held):,} verified instances"
        console.print(f"\n[italic]{escape(title)}[/italic]", soft_wrap=True)
        console.print(_held(funnels, held))


def _document(funnel: Funnel, held: Held) -> dict[str, object]:
    return {**funnel.as_dict(), "held": counts(held, funnel.repo)}


def _table(title: str = "") -> Table:
    """Narrow enough for long repository names in a terminal of 80 columns."""
    return Table(title=title or None, title_justify="left", box=None, pad_edge=False)


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


def _held(funnels: list[Funnel], held: Held) -> Table:
    table = _table()
    for name in ("repository", "reason"):
        table.add_column(name, overflow="fold")
    table.add_column("count", justify="right")
    for funnel in funnels:
        for reason, count in counts(held, funnel.repo).items():
            table.add_row(funnel.repo, reason, f"{count:,}")
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
