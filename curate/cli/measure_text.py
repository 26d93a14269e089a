"""What `curate measure` says: a line for each instance, its surviving mutants, and the means."""

import sys
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from rich.table import Table

from curate.cli.common import err_console, print_json
from curate.cli.console import WholeLineConsole
from curate.core.errors import CurateError, NotFoundError
from curate.core.measurement import Measurement, MutantOutcome
from curate.measure.run import MeasuringSummary


class NotMeasuredError(CurateError):
    """Some instances could not be measured; the next call tries them again."""

    exit_code = 3


class MeasuringTimeError(CurateError):
    """Instances are left; the next call measures them."""


def print_measurements(summary: MeasuringSummary, *, as_json: bool) -> None:
    """Print what was measured to stdout, as a table or as JSON."""
    found = list(summary.results.values())
    if as_json:
        print_json(make_document(summary))
        return
    console = WholeLineConsole(file=sys.stdout)
    table = Table(box=None, pad_edge=False)
    table.add_column("instance")
    for name in ("mutants", "killed", "statements", "covered"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(one.instance_id, *_describe(one))
    console.print(table)
    for one in found:
        for mutant in one.survivors:
            _print_survivor(console, one.instance_id, mutant)
    for one in found:
        if one.problem:
            console.print(f"{one.instance_id}: {one.problem}", markup=False, soft_wrap=True)
    err_console.print(summarize(found), markup=False, soft_wrap=True)
    if summary.known:
        err_console.print(f"{summary.known:,} of them were measured earlier", soft_wrap=True)


def _describe(one: Measurement) -> tuple[str, str, str, str]:
    if one.problem:
        return "-", "-", "-", "-"
    counts = (len(one.mutants), one.killed, one.added_statements, one.covered_statements)
    mutants, killed, statements, covered = (f"{count:,}" for count in counts)
    return mutants, killed, statements, covered


def _print_survivor(console: WholeLineConsole, name: str, mutant: MutantOutcome) -> None:
    where = f"{name}: survived: {mutant.operator} at {mutant.path}:{mutant.line}"
    for line in ("", where, f"  - {mutant.old}", f"  + {mutant.new}"):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def summarize(found: Sequence[Measurement]) -> str:
    """Return the means of all that was measured, in one line."""
    scores = [one.mutation_score for one in found if one.mutation_score is not None]
    shares = [one.line_coverage for one in found if one.line_coverage is not None]
    measured = sum(not one.problem for one in found)
    survivors = sum(len(one.survivors) for one in found)
    with_survivors = sum(bool(one.survivors) for one in found)
    parts = [f"{measured:,} measured"]
    if scores:
        parts.append(f"mean mutation score {fmean(scores):.2f}")
        parts.append(f"{survivors:,} survivors in {with_survivors:,} instances")
    if shares:
        parts.append(f"FAIL_TO_PASS covers {fmean(shares):.0%} of changed statements")
    return "; ".join(parts)


def make_document(summary: MeasuringSummary) -> Mapping[str, Any]:
    """Return the measurements as JSON can hold them."""
    return {
        "measurements": [_make_entry(one) for one in summary.results.values()],
        "errors": summary.errors,
        "unknown": list(summary.unknown),
        "left": list(summary.left),
    }


def _make_entry(one: Measurement) -> Mapping[str, Any]:
    return {
        "instance_id": one.instance_id,
        "mutation_score": one.mutation_score,
        "mutants": [
            {
                "operator": it.operator,
                "path": it.path,
                "line": it.line,
                "old": it.old,
                "new": it.new,
                "result": str(it.result),
                "tests": it.tests,
                "killed_by": it.killed_by,
            }
            for it in one.mutants
        ],
        "possible_mutants": one.possible_mutants,
        "equivalent_mutants": one.equivalent_mutants,
        "unreadable": dict(one.unreadable),
        "f2p_line_coverage": one.line_coverage,
        "added_statements": one.added_statements,
        "covered_statements": one.covered_statements,
        "touching_tests": list(one.touching_tests),
        "cpu_seconds": round(one.cpu_seconds, 3),
        "problem": one.problem,
    }


def raise_if_incomplete(summary: MeasuringSummary) -> None:
    """Raise what keeps the call from having measured everything."""
    if summary.unknown:
        raise NotFoundError(
            f"The dataset has no verified instance {summary.unknown[0]}.",
            hint="Run: curate list --state verified",
        )
    if summary.errors:
        name, error = next(iter(summary.errors.items()))
        raise NotMeasuredError(
            f"{len(summary.errors):,} instances could not be measured, the first {name}: {error}",
            hint="Run the same command again; measurements are kept.",
        )
    if summary.left:
        raise MeasuringTimeError(
            f"{len(summary.left):,} instances were not reached before the time limit.",
            hint="Run the same command again; measurements are kept.",
        )
