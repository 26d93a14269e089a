"""SWE-Gym's Table 2 and Figure 2 on a card, ours beside the paper's."""

from collections.abc import Mapping
from dataclasses import dataclass

from curate.publish.statistics import MEASURES, Paper

_BAR = 30  # characters of the longest bar


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Means by split, rows by repository, and the paper's."""

    ours: Mapping[str, Mapping[str, float | None]]  # split -> measure -> value
    paper: Mapping[str, Paper]  # name -> means
    shares: Mapping[str, int]
    paper_shares: Mapping[str, int]


def figures_text(figures: Figures) -> str:
    """Both tables; a dagger marks what was not compared with the paper itself."""
    names = [f"`{name}`" for name in figures.ours] + list(figures.paper)
    rows = [
        [
            label,
            *(_number(means.get(key)) for means in figures.ours.values()),
            *(
                _number(p.means.get(key)) + ("" if key in p.checked else "†")
                for p in figures.paper.values()
            ),
        ]
        for key, label in MEASURES.items()
    ]
    lines = ["## Statistics (SWE-Gym's Table 2)\n", _line(["mean", *names]), _rule(len(names))]
    lines += [_line(row) for row in rows]
    lines.append("\n† as quoted elsewhere, not compared with the paper.\n")
    return "\n".join([*lines, _shares(figures)])


def _shares(figures: Figures) -> str:
    total, theirs = sum(figures.shares.values()) or 1, sum(figures.paper_shares.values()) or 1
    most = max(figures.shares.values(), default=1)
    lines = ["## Instances by repository (SWE-Gym's Figure 2)\n"]
    lines += [
        _line(["repository", "instances", "share", "", "in SWE-Gym"]),
        "|---|---:|---:|---|---:|",
    ]
    for repo, count in figures.shares.items():
        paper = figures.paper_shares.get(repo, 0) / theirs
        bar = "█" * max(1, round(_BAR * count / most))
        lines.append(_line([repo, f"{count:,}", f"{count / total:.1%}", bar, f"{paper:.1%}"]))
    return "\n".join([*lines, ""])


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|---|" + "---:|" * columns
