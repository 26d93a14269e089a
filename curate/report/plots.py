"""Plots as SVG: drawn by matplotlib, coloured by the site's stylesheet.

The same numbers give the same bytes. Text stays text, and colours are custom properties of
`assets/site.css`, so that a plot follows the theme of the page that it is part of.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from curate.report.page import Figure
from curate.report.table import Kind, format_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

WIDTH = 7.6  # inches, at 72 points each
_ROW, _BAR = 0.30, 0.19  # height of a row of bars, and of each further bar in it
_LONGEST_LABEL = 34
MAX_ROWS = 25  # of a plot; its table has all
_MAX_LABELS = 14  # below the bars of a plot
_FEWEST = 6  # vertical bars that there is room for: one alone is no wall

# Colours that matplotlib draws with, and what stands in their place on the page.
_SERIES = [f"#0000f{number}" for number in range(1, 7)]
_TEXT, _MUTED, _GRID = "#0000e1", "#0000e2", "#0000e3"
_PROPERTIES = {
    **{color: f"var(--series-{number})" for number, color in enumerate(_SERIES, 1)},
    _TEXT: "var(--text)",
    _MUTED: "var(--muted)",
    _GRID: "var(--grid)",
}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so sizes are the same everywhere
    "font.size": 10,
    "text.parse_math": False,
    "text.color": _TEXT,
    "axes.labelcolor": _MUTED,
    "axes.edgecolor": _GRID,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _GRID,
    "ytick.color": _GRID,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _TEXT,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
}


@dataclass(frozen=True, kw_only=True)
class Series:
    """Values of one kind, one for each label of the plot."""

    label: str
    values: Sequence[float | None]  # None = not measured
    kind: Kind = Kind.COUNT


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What a plot shows."""

    name: str  # unique in the site
    title: str
    about: str
    labels: Sequence[str]
    series: Sequence[Series]


def draw_rows(plot: Plot) -> Figure:
    """Draw a row of horizontal bars for each label, one bar for each series, on one scale."""
    height = max(1.4, 0.9 + len(plot.labels) * (_ROW + _BAR * (len(plot.series) - 1)))

    def draw(canvas: "Canvas") -> None:
        axes = canvas.add_subplot()
        width = 0.8 / len(plot.series)
        for number, series in enumerate(plot.series):
            offset = (number - (len(plot.series) - 1) / 2) * width
            places = [place + offset for place in range(len(plot.labels))]
            _draw_horizontal(axes, places, series, _SERIES[number], 0.92 * width)
        _scale_rows(axes, plot.series)
        _name_rows(axes, plot.labels)
        if len(plot.series) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)

    return _make_figure(plot, height, draw)


def draw_row_panels(plot: Plot) -> Figure:
    """Draw a panel of horizontal bars for each series, each on a scale of its own."""
    height = max(1.5, 0.8 + len(plot.labels) * _ROW)

    def draw(canvas: "Canvas") -> None:
        for number, series in enumerate(plot.series):
            axes = canvas.add_subplot(1, len(plot.series), number + 1)
            color = _SERIES[number % len(_SERIES)]
            _draw_horizontal(axes, range(len(plot.labels)), series, color, 0.72)
            _scale_rows(axes, [series])
            axes.set_title(series.label)
            _name_rows(axes, plot.labels if number == 0 else [""] * len(plot.labels))

    return _make_figure(plot, height, draw)


def draw_column_panels(plot: Plot) -> Figure:
    """Draw a panel of vertical bars for each series below each other: for months and years."""

    def draw(canvas: "Canvas") -> None:
        for number, series in enumerate(plot.series):
            axes = canvas.add_subplot(len(plot.series), 1, number + 1)
            values = [value or 0 for value in series.values]
            color = _SERIES[number % len(_SERIES)]
            axes.bar(range(len(values)), values, width=0.8, color=color)
            axes.set_title(series.label)
            axes.grid(visible=True, axis="y")
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(_make_formatter(series.kind))
            axes.locator_params(axis="y", nbins=4, integer=series.kind is Kind.COUNT)
            if not any(values):
                axes.set_ylim(top=1)
                axes.set_yticks([0])
            is_last = number == len(plot.series) - 1
            _name_columns(axes, plot.labels if is_last else [""] * len(plot.labels))

    return _make_figure(plot, 0.5 + 1.25 * len(plot.series), draw)


def draw_histogram(plot: Plot) -> Figure:
    """Draw vertical bars, stacked if there are several series, with their numbers above."""

    def draw(canvas: "Canvas") -> None:
        axes = canvas.add_subplot()
        below = [0.0] * len(plot.labels)
        for number, series in enumerate(plot.series):
            values = [value or 0.0 for value in series.values]
            color = _SERIES[number]
            bars = axes.bar(
                range(len(values)), values, bottom=below, color=color, label=series.label
            )
            below = [one + other for one, other in zip(below, values, strict=True)]
        if len(plot.labels) <= _MAX_LABELS:
            texts = [format_cell(value, plot.series[0].kind) for value in below]
            axes.bar_label(bars, texts, padding=2, fontsize=9.5)
        axes.grid(visible=True, axis="y")
        axes.margins(y=0.12)
        axes.yaxis.set_major_formatter(_make_formatter(plot.series[0].kind))
        axes.locator_params(axis="y", nbins=5, integer=True)
        _name_columns(axes, plot.labels)
        if len(plot.series) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.2)

    return _make_figure(plot, 2.6, draw)


def _draw_horizontal(
    axes: "Axes", places: Sequence[float], series: Series, color: str, width: float
) -> None:
    values = [value or 0.0 for value in series.values]
    bars = axes.barh(places, values, height=width, color=color, label=series.label)
    texts = [format_cell(value, series.kind) for value in series.values]
    axes.bar_label(bars, texts, padding=3, fontsize=9.5)


def _scale_rows(axes: "Axes", drawn: Sequence[Series]) -> None:
    """Leave room for the numbers beside the bars."""
    longest = max((value or 0.0 for series in drawn for value in series.values), default=0.0)
    axes.set_xlim(0, 1.3 * longest or 1.0)


def _name_rows(axes: "Axes", labels: Sequence[str]) -> None:
    """The numbers stand beside the bars: no axis of numbers."""
    axes.set_yticks(range(len(labels)), [_shorten(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _name_columns(axes: "Axes", labels: Sequence[str]) -> None:
    """Name the columns; of many months, only each January that there is room for."""
    places = list(range(len(labels)))
    texts = list(labels)
    if len(places) > _MAX_LABELS:
        januaries = [place for place in places if labels[place].endswith("-01")]
        step = -(-len(januaries) // _MAX_LABELS) or 1
        places = januaries[::step] or places[:: -(-len(places) // _MAX_LABELS)]
        texts = [labels[place].removesuffix("-01") for place in places]
    axes.set_xticks(places, texts)
    axes.set_xlim(-0.6, max(len(labels), _FEWEST) - 0.4)
    axes.tick_params(axis="both", length=0)


def _shorten(label: str) -> str:
    half = _LONGEST_LABEL // 2
    return label if len(label) <= _LONGEST_LABEL else f"{label[:half]}…{label[1 - half :]}"


def _make_formatter(kind: Kind) -> Any:
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: _format_tick(value, kind))


def _format_tick(value: float, kind: Kind) -> str:
    if kind is Kind.SHARE:
        return f"{value:.0%}"
    return format_cell(value, Kind.MEAN if kind is Kind.HOURS else kind)


def _make_figure(plot: Plot, height: float, draw: Callable[["Canvas"], None]) -> Figure:
    with _own_style(plot.name):
        from matplotlib.figure import Figure as Canvas

        canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
        draw(canvas)
        text = io.StringIO()
        metadata: Mapping[str, None] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        canvas.savefig(text, format="svg", transparent=True, metadata=metadata)
    return Figure(title=plot.title, about=plot.about, svg=theme_svg(text.getvalue(), plot))


@contextmanager
def _own_style(salt: str) -> Iterator[None]:
    """Draw with our style alone, whatever `matplotlibrc` says."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        style: Any = {**_STYLE, "svg.hashsalt": salt}
        mpl.rcParams.update(style)
        yield


def theme_svg(svg: str, plot: Plot) -> str:
    """Return *svg* as a part of a page: named, in the page's font, in colours of its theme."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    used = set(re.findall(r"(?:url\(|href=\")#([\w-]+)", svg))
    svg = re.sub(r' id="([\w.-]+)"', lambda it: it[0] if it[1] in used else "", svg)
    svg = re.sub(r"#0000[ef]\d", lambda it: _PROPERTIES[it[0]], svg)
    head, body = svg.split(">", 1)
    head = re.sub(r' (?:width|height|version|xmlns:xlink|xmlns)="[^"]*"', "", head)
    body = body.replace("xlink:href", "href")
    names = f"{plot.name}-title", f"{plot.name}-about"
    return (
        f'{head} role="img" aria-labelledby="{names[0]} {names[1]}">'
        f'<title id="{names[0]}">{escape(plot.title)}</title>'
        f'<desc id="{names[1]}">{escape(plot.about)}</desc>{body.strip()}'
    )
