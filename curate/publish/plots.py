"""SWE-Gym's Table 2 and Figure 2 on a card, ours beside the paper's."""

from collections.abc import Mapping
from dataclasses import dataclass

from curate.publish.statistics import MEASURES, PaperStatistics

_BAR = 30  # characters of the longest bar


@dataclass(frozen=True, kw_only=True)
class DatasetStatistics:
    """Means by split, rows by repository, and the paper's."""

    own_means: Mapping[str, Mapping[str, float | None]]  # split -> measure -> value
    paper_means: Mapping[str, PaperStatistics]  # name -> means
    counts_by_repo: Mapping[str, int]
    paper_counts_by_repo: Mapping[str, int]


def render_statistics(figures: DatasetStatistics) -> str:
    """Both tables; a dagger marks what was not compared with the paper itself."""
    names = [f"`{name}`" for name in figures.own_means] + list(figures.paper_means)
    rows = [
        [
            label,
            *(_format_number(build_ctx.get(key)) for build_ctx in figures.own_means.values()),
            *(
                _format_number(p.means.get(key)) + ("" if key in p.verified_measures else "†")
                for p in figures.paper_means.values()
            ),
        ]
        for key, label in MEASURES.items()
    ]
    lines = [
        "## Statistics (SWE-Gym's Table 2)\n",
        _format_row(["mean", *names]),
        _format_separator(len(names)),
    ]
    lines += [_format_row(row) for row in rows]
    lines.append("\n† as quoted elsewhere, not compared with the paper.\n")
    return "\n".join([*lines, _render_counts_by_repo(figures)])


def _render_counts_by_repo(figures: DatasetStatistics) -> str:
    total, paper_total = (
        sum(figures.counts_by_repo.values()) or 1,
        sum(figures.paper_counts_by_repo.values()) or 1,
    )
    most = max(figures.counts_by_repo.values(), default=1)
    lines = ["## Instances by repository (SWE-Gym's Figure 2)\n"]
    lines += [
        _format_row(["repository", "instances", "share", "", "in SWE-Gym"]),
        "|---|---:|---:|---|---:|",
    ]
    for repo, count in figures.counts_by_repo.items():
        paper = figures.paper_counts_by_repo.get(repo, 0) / paper_total
        bar = "█" * max(1, round(_BAR * count / most))
        lines.append(_format_row([repo, f"{count:,}", f"{count / total:.1%}", bar, f"{paper:.1%}"]))
    return "\n".join([*lines, ""])


def _format_number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _format_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _format_separator(columns: int) -> str:
    return "|---|" + "---:|" * columns
