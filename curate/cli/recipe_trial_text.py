"""The report of a trial: a table for 80 columns, each rejection with its cause, and JSON."""

from collections.abc import Sequence

from curate.cli.console import WholeLineConsole
from curate.cli.draft_trial import print_cause
from curate.cli.tables import TextTable, print_table
from curate.workflows.trial_judgment import JudgedResult, Judgment
from curate.workflows.trial_report import (
    RepositoryReport,
    TrialCost,
    compute_yield,
    sum_cost,
    sum_counts,
)

_COUNTED = (Judgment.VERIFIED, Judgment.RIGHT, Judgment.WRONG)


def print_report(console: WholeLineConsole, reports: Sequence[RepositoryReport]) -> None:
    """Print the table, the cost of all, and two lines for each candidate that is not verified."""
    print_table(console, _make_table(reports))
    console.print(_describe_environments(_total_cost(reports)), markup=False, soft_wrap=True)
    for report in reports:
        if report.trial.problem:
            text = f"{report.trial.repo}: {report.trial.problem.message}"
            console.print(f"\nNot tried: {text}", markup=False, soft_wrap=True)
    for judgment in (Judgment.WRONG, Judgment.RIGHT, Judgment.OPEN):
        chosen = [it for one in reports for it in one.judged if it.judgment is judgment]
        if chosen:
            console.print(f"\n{judgment.capitalize()}", style="bold")
        for it in chosen:
            _print_judged(console, it)


def make_document(
    reports: Sequence[RepositoryReport], *, per_repo: int, seed: int, ids: Sequence[str]
) -> dict[str, object]:
    """Return the report for --json; sizes in bytes, times in seconds."""
    return {
        "per_repo": per_repo,
        "seed": seed,
        "ids": list(ids),
        "repositories": {it.trial.repo: _repository_document(it) for it in reports},
        "total": _figures(reports),
    }


def _make_table(reports: Sequence[RepositoryReport]) -> TextTable:
    names = ("verified", "rightly\nrejected", "wrong or\nunclear", "yield")
    columns = ("repository", *names, "work\ns", "wall\ns", "env.\nMB")
    rows = []
    for one in reports:
        counts = [str(one.counts[it]) for it in _COUNTED]
        rows.append((one.trial.repo, *counts, _percent(one.yielded), *_cost_cells(one.cost)))
    if len(reports) > 1:
        counted = sum_counts(reports)
        counts = [str(counted[it]) for it in _COUNTED]
        cells = (*counts, _percent(compute_yield(counted)), *_cost_cells(_total_cost(reports)))
        rows.append(("all", *cells))
    return TextTable(columns=columns, rows=rows, numbers=frozenset(range(1, 8)), gap=1)


def _total_cost(reports: Sequence[RepositoryReport]) -> TrialCost:
    results = [it.result for one in reports for it in one.judged]
    return sum_cost([it.validation for it in results if it.validation])


def _cost_cells(cost: TrialCost) -> list[str]:
    """Means of a candidate in seconds, and the median of its environments in MB."""
    cells = [cost.work_seconds, cost.wall_seconds]
    size = cost.median_bytes
    return [
        "" if it is None else f"{it:.0f}" for it in (*cells, None if size is None else size / 1e6)
    ]


def _describe_environments(cost: TrialCost) -> str:
    """What the cost columns mean, and the range of the sizes."""
    sizes = cost.environment_bytes
    if not sizes:
        return "work, wall: mean of a candidate. No environment was built."
    if len(sizes) == 1:
        return "work, wall: mean of a candidate; env.: the only environment."
    extent = f"{sizes[0] / 1e6:.0f} to {sizes[-1] / 1e6:.0f} MB"
    return f"work, wall: mean of a candidate; env.: median of {len(sizes)}, {extent}."


def _print_judged(console: WholeLineConsole, judged: JudgedResult) -> None:
    result = judged.result
    console.print(f"  {result.instance_id}  {result.result}", markup=False, soft_wrap=True)
    for text in (judged.evidence, result.cause):
        print_cause(console, text)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def _repository_document(report: RepositoryReport) -> dict[str, object]:
    problem = report.trial.problem
    return {
        "candidates": report.trial.candidates,
        "recipe": report.trial.recipe,
        **_figures([report]),
        "results": [_result_document(it) for it in report.judged],
        "problem": (
            {"message": problem.message, "hint": problem.hint, "docs": problem.docs}
            if problem
            else None
        ),
    }


def _figures(reports: Sequence[RepositoryReport]) -> dict[str, object]:
    counts, cost = sum_counts(reports), _total_cost(reports)
    sizes = cost.environment_bytes
    return {
        "verified": counts[Judgment.VERIFIED],
        "rightly_rejected": counts[Judgment.RIGHT],
        "wrongly_rejected": counts[Judgment.WRONG],
        "not_tried": counts[Judgment.OPEN],
        "yield": compute_yield(counts),
        "work_seconds": cost.work_seconds,
        "wall_seconds": cost.wall_seconds,
        "environments": len(sizes),
        "environment_bytes_median": cost.median_bytes,
        "environment_bytes_range": [sizes[0], sizes[-1]] if sizes else None,
    }


def _result_document(judged: JudgedResult) -> dict[str, object]:
    result = judged.result
    cost = sum_cost([result.validation] if result.validation else [])
    return {
        "instance_id": result.instance_id,
        "result": result.result,
        "judgment": str(judged.judgment),
        "evidence": judged.evidence,
        "cause": result.cause,
        "work_seconds": cost.work_seconds,
        "wall_seconds": cost.wall_seconds,
        "environment_bytes": cost.median_bytes,
    }
