"""`curate status --cost`: what validations cost, step by step."""

from typing import Any

from curate.cli.common import print_json
from curate.cli.console import WholeLineConsole
from curate.cli.progress import show_phases
from curate.cli.tables import TextTable, print_table
from curate.report.step_costs import STEPS, CandidateSteps, CostCounts
from curate.report.validation_facts import iter_validation_facts
from curate.store import Store

_NOTE = "Wall time of locks, environments and checkouts; CPU time of runs."


def show_costs(store: Store, console: WholeLineConsole, *, as_json: bool) -> None:
    """Print core-hours by step, and the candidates that cost most."""
    counts = CostCounts()
    with show_phases() as progress:
        for name, facts in iter_validation_facts(store, progress):
            counts.add(name, facts)
    if as_json:
        print_json(describe_costs(counts))
        return
    if not counts.attempted:
        console.print("Nothing is validated yet. Start with: curate validate")
        return
    console.print(f"[italic]Core-hours by step[/italic] of {counts.attempted:,} candidates")
    print_table(console, _make_step_table(counts))
    each = counts.hours_each
    told = (
        f"{each:.4f} for each of {counts.verified:,} verified"
        if each is not None
        else "none is verified"
    )
    console.print(f"{counts.total / 3600:.2f} core-hours in all: {told}.", soft_wrap=True)
    console.print(_NOTE, soft_wrap=True)
    console.print("\n[italic]What cost most[/italic], in seconds")
    print_table(console, _make_costliest_table(counts.costliest))


def describe_costs(counts: CostCounts) -> dict[str, Any]:
    """Return the same as JSON, in seconds."""
    return {
        "attempted": counts.attempted,
        "verified": counts.verified,
        "seconds": counts.seconds,
        "core_hours": counts.total / 3600,
        "core_hours_per_verified": counts.hours_each,
        "costliest": [
            {"instance_id": it.instance_id, "verified": it.is_verified, "seconds": dict(it.seconds)}
            for it in counts.costliest
        ],
    }


def _make_step_table(counts: CostCounts) -> TextTable:
    whole = counts.total or 1.0
    rows = [
        (
            label,
            f"{counts.seconds[step] / 3600:.2f}",
            f"{counts.seconds[step] / whole:.0%}",
            f"{counts.seconds[step] / counts.attempted:.1f}",
        )
        for step, label in STEPS.items()
    ]
    columns = ("step", "core-hours", "share", "seconds a candidate")
    return TextTable(columns=columns, rows=rows, numbers=frozenset({1, 2, 3}))


def _make_costliest_table(costliest: list[CandidateSteps]) -> TextTable:
    rows = [
        (it.instance_id, f"{it.total:.0f}", *(f"{it.seconds[step]:.0f}" for step in STEPS))
        for it in costliest
    ]
    columns = ("candidate", "all", "lock", "env", "checkout", "tests", "hunks")
    return TextTable(columns=columns, rows=rows, numbers=frozenset(range(1, len(columns))), gap=1)
