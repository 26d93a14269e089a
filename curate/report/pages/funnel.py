"""The page of the funnel: how far pull requests came, by stage, repository and month."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from curate.report.page import Fact, Page, Section
from curate.report.plots import (
    MAX_ROWS,
    Plot,
    Series,
    draw_column_panels,
    draw_row_panels,
    draw_rows,
)
from curate.report.table import Cell, Column, Kind, Table, text_column
from curate.store.cohorts import Cohort
from curate.store.funnel import RepositoryFunnel

STAGES: Mapping[str, str] = {
    "pulls": "pull requests",
    "candidates": "candidates",
    "attempted": "attempted",
    "verified": "verified",
}
"""Stages of the funnel and what they are called, in order."""

NOTHING_CRAWLED = "No pull request has been crawled yet. Start with: curate crawl OWNER/NAME"
UNKNOWN = "unknown"
_COLUMNS = tuple(Column(key=key, label=label) for key, label in STAGES.items())
_LEAD = (
    "Merged pull requests that the crawl has seen; candidates close an issue and change tests and"
    " source; attempted ones have a validation; verified ones are instances."
)


def make_funnel_page(funnels: Sequence[RepositoryFunnel], cohorts: Sequence[Cohort]) -> Page:
    """Return the page; the totals are those of `curate status`."""
    totals = count_stages(funnels)
    facts = tuple(Fact(key=it, label=label, value=totals[it]) for it, label in STAGES.items())
    if not totals["pulls"] and not totals["candidates"]:
        sections: tuple[Section, ...] = (Section(heading="By stage", notice=NOTHING_CRAWLED),)
        return Page(key="funnel", title="Funnel", lead=_LEAD, facts=facts, sections=sections)
    undecided = sum(funnel.undecided for funnel in funnels)
    facts += (Fact(key="undecided", label="not decided yet", value=undecided),)
    sections = (
        _show_stages(totals),
        _show_repositories(funnels),
        _show_months(cohorts),
        _list_cohorts(cohorts),
    )
    return Page(key="funnel", title="Funnel", lead=_LEAD, facts=facts, sections=sections)


def count_stages(counted: Sequence[RepositoryFunnel] | Sequence[Cohort]) -> dict[str, int]:
    """Return the sum of each stage."""
    return {stage: sum(int(getattr(one, stage)) for one in counted) for stage in STAGES}


def group_cohorts(cohorts: Sequence[Cohort], length: int) -> dict[str, list[Cohort]]:
    """Return *cohorts* by the first *length* characters of their month; "unknown" comes last."""
    groups: dict[str, list[Cohort]] = defaultdict(list)
    for one in cohorts:
        groups[one.month[:length] or UNKNOWN].append(one)
    return dict(sorted(groups.items()))


def sort_repositories(funnels: Sequence[RepositoryFunnel]) -> list[RepositoryFunnel]:
    """Return *funnels* with the most verified candidates first, then the most pull requests."""
    return sorted(funnels, key=lambda it: (-it.verified, -it.attempted, -it.pulls, it.repo))


def _show_stages(totals: Mapping[str, int]) -> Section:
    counts = list(totals.values())
    rows: list[tuple[Cell, ...]] = []
    for number, (label, count) in enumerate(zip(STAGES.values(), counts, strict=True)):
        before = counts[number - 1] if number else 0
        rows.append((label, count, count / before if before else None))
    title = "Pull requests by how far they came"
    series = Series(label="pull requests", values=counts)
    told = ", ".join(
        f"{count:,} {label}" for label, count in zip(STAGES.values(), counts, strict=True)
    )
    plot = Plot(
        name="funnel-by-stage",
        title=title,
        about=f"A bar for each stage: {told}.",
        labels=list(STAGES.values()),
        series=[series],
    )
    columns = (
        text_column("stage", "stage"),
        Column(key="count", label="count"),
        Column(key="share_of_stage_before", label="of the stage before", kind=Kind.SHARE),
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=tuple(rows))
    return Section(heading="By stage", figure=draw_rows(plot), table=table)


def _show_repositories(funnels: Sequence[RepositoryFunnel]) -> Section:
    ordered = sort_repositories(funnels)
    drawn = ordered[:MAX_ROWS]
    title = "Funnel by repository"
    plot = Plot(
        name="funnel-by-repository",
        title=title,
        about=f"Four panels of bars, one for each stage, for {len(drawn)} repositories.",
        labels=[it.repo for it in drawn],
        series=_make_series([[it] for it in drawn]),
    )
    columns = (
        text_column("repository", "repository"),
        *_COLUMNS,
        Column(key="undecided", label="not decided yet"),
        Column(key="yield", label="verified of attempted", kind=Kind.SHARE),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (it.repo, *count_stages([it]).values(), it.undecided, divide(it.verified, it.attempted))
        for it in ordered
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=rows)
    return Section(
        heading="By repository",
        text=tell_drawn(len(drawn), len(ordered)),
        figure=draw_row_panels(plot),
        table=table,
    )


def _show_months(cohorts: Sequence[Cohort]) -> Section:
    groups = group_cohorts(cohorts, length=7)
    known = [month for month in groups if month != UNKNOWN]
    months = list(iter_months(known[0], known[-1])) if known else []
    title = "Funnel by month"
    plot = Plot(
        name="funnel-by-month",
        title=title,
        about=f"Four panels of bars, one for each stage, for {len(months)} months"
        + (f" from {months[0]} to {months[-1]}." if months else "."),
        labels=months,
        series=_make_series([groups.get(month, []) for month in months]),
    )
    columns = (text_column("month", "month"), *_COLUMNS)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (month, *count_stages(group).values()) for month, group in groups.items()
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=rows)
    return Section(
        heading="By month",
        text="A pull request counts for the month in which it was opened.",
        figure=draw_column_panels(plot) if months else None,
        table=table,
    )


def _list_cohorts(cohorts: Sequence[Cohort]) -> Section:
    columns = (text_column("repository", "repository"), text_column("month", "month"), *_COLUMNS)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.repo, one.month or UNKNOWN, *count_stages([one]).values()) for one in cohorts
    )
    caption = "Funnel by repository and month"
    table = Table(
        name="funnel-by-repository-and-month", caption=caption, columns=columns, rows=rows, shown=0
    )
    return Section(heading="By repository and month", table=table)


def _make_series(groups: Sequence[Sequence[RepositoryFunnel] | Sequence[Cohort]]) -> list[Series]:
    counts = [count_stages(group) for group in groups]
    return [
        Series(label=label, values=[one[stage] for one in counts])
        for stage, label in STAGES.items()
    ]


def divide(part: float, whole: float) -> float | None:
    """Return the share; None of nothing."""
    return part / whole if whole else None


def tell_drawn(drawn: int, total: int) -> str:
    """Return a sentence if a plot has not all rows of its table; else nothing."""
    return f"The plot has {drawn:,} of {total:,} repositories, the table all." * (drawn < total)


def iter_months(first: str, last: str) -> Iterator[str]:
    """Yield every month from *first* to *last*, as in "2023-04"."""
    year, month = map(int, first.split("-"))
    while (text := f"{year:04}-{month:02}") <= last:
        yield text
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
