"""The page of costs: yield, core-hours and bytes, by repository and year, beside the paper's."""

from collections.abc import Iterable, Mapping, Sequence

from curate.publish.statistics import load_paper_costs
from curate.report.page import Fact, Page, Section
from curate.report.pages.funnel import (
    divide,
    group_cohorts,
    sort_repositories,
    tell_drawn,
)
from curate.report.plots import (
    MAX_ROWS,
    Plot,
    Series,
    draw_column_panels,
    draw_row_panels,
    draw_rows,
)
from curate.report.step_costs import STEPS, CostCounts
from curate.report.table import Cell, Column, Kind, Table, text_column
from curate.store.cohorts import Cohort
from curate.store.funnel import RepositoryFunnel

NOTHING_VALIDATED = "No candidate has been validated yet. Start with: curate validate"
_LEAD = (
    "Work is the CPU time of test runs, and the wall time of locks and builds. An instance's own"
    " bytes are those of its image that no other instance shares."
)
_COLUMNS = (
    Column(key="attempted", label="attempted"),
    Column(key="verified", label="verified"),
    Column(key="yield", label="yield", kind=Kind.SHARE),
    Column(key="core_hours", label="core-hours", kind=Kind.HOURS),
    Column(key="core_hours_per_instance", label="core-hours an instance", kind=Kind.HOURS),
    Column(key="own_bytes", label="own bytes", kind=Kind.BYTES),
)

Counted = RepositoryFunnel | Cohort


def make_costs_page(
    funnels: Sequence[RepositoryFunnel],
    cohorts: Sequence[Cohort],
    counts: CostCounts,
    image_bytes: int | None,
) -> Page:
    """Return the page; *image_bytes* is what all images take, shared layers once."""
    attempted = sum(funnel.attempted for funnel in funnels)
    if not attempted:
        sections: tuple[Section, ...] = (Section(heading="Costs", notice=NOTHING_VALIDATED),)
        return Page(key="costs", title="Costs", lead=_LEAD, sections=sections)
    total = dict(zip((column.key for column in _COLUMNS), _list_costs(funnels), strict=True))
    facts = (
        Fact(key="yield", label="verified of attempted", value=total["yield"], kind=Kind.SHARE),
        Fact(key="core_hours", label="core-hours", value=total["core_hours"], kind=Kind.HOURS),
        Fact(
            key="core_hours_per_instance",
            label="core-hours an instance",
            value=total["core_hours_per_instance"],
            kind=Kind.HOURS,
            note="rejected ones included",
        ),
        Fact(key="image_bytes", label="all images", value=image_bytes, kind=Kind.BYTES),
    )
    sections = (
        _compare_with_paper(total, image_bytes),
        _show_steps(counts),
        _show_repositories([it for it in funnels if it.attempted]),
        _show_years(cohorts),
        _list_repositories_by_year(cohorts),
    )
    return Page(key="costs", title="Costs", lead=_LEAD, facts=facts, sections=sections)


def _list_costs(counted: Iterable[Counted]) -> tuple[Cell, ...]:
    """Return the cells of `_COLUMNS`."""
    them = list(counted)
    attempted, verified = sum(it.attempted for it in them), sum(it.verified for it in them)
    hours = sum(it.work_seconds for it in them) / 3600
    own_bytes = sum(it.unique_bytes for it in them)
    return (
        *(attempted, verified, divide(verified, attempted)),
        *(hours, divide(hours, verified), own_bytes),
    )


def _compare_with_paper(total: Mapping[str, Cell], image_bytes: int | None) -> Section:
    paper, verified = load_paper_costs(), total["verified"]
    bytes_each = divide(image_bytes, float(verified or 0)) if image_bytes else None
    hours_each = paper.core_hours / paper.instances
    rows: dict[tuple[Cell, ...], Kind] = {
        ("instances", verified, paper.instances): Kind.COUNT,
        ("core-hours", total["core_hours"], paper.core_hours): Kind.HOURS,
        ("core-hours an instance", total["core_hours_per_instance"], hours_each): Kind.HOURS,
        ("images", image_bytes, paper.image_bytes_total): Kind.BYTES,
        ("images, an instance", bytes_each, paper.image_bytes_each): Kind.BYTES,
    }
    columns = (
        text_column("measure", "measure"),
        Column(key="here", label="here"),
        Column(key="swe_gym", label="SWE-Gym"),
    )
    table = Table(
        name="costs-beside-the-paper",
        caption="Costs beside SWE-Gym's",
        columns=columns,
        rows=tuple(rows),
        row_kinds=tuple(rows.values()),
    )
    note = f"Here, layers that images share count once. {paper.source}"
    return Section(heading="Beside the paper", table=table, note=note)


def _show_steps(counts: CostCounts) -> Section:
    hours = [counts.seconds[step] / 3600 for step in STEPS]
    title = "Core-hours by step"
    plot = Plot(
        name="core-hours-by-step",
        title=title,
        about="A bar for each step of a validation.",
        labels=list(STEPS.values()),
        series=[Series(label="core-hours", values=hours, kind=Kind.HOURS)],
    )
    whole = sum(hours)
    columns = (
        text_column("step", "step"),
        Column(key="core_hours", label="core-hours", kind=Kind.HOURS),
        Column(key="share", label="share", kind=Kind.SHARE),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (label, one, divide(one, whole)) for label, one in zip(STEPS.values(), hours, strict=True)
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=rows)
    return Section(heading="By step", figure=draw_rows(plot), table=table)


def _show_repositories(funnels: Sequence[RepositoryFunnel]) -> Section:
    ordered = sort_repositories(funnels)
    drawn = ordered[:MAX_ROWS]
    title = "Yield, core-hours and bytes by repository"
    plot = Plot(
        name="costs-by-repository",
        title=title,
        about=f"Three panels of bars for {len(drawn)} repositories.",
        labels=[it.repo for it in drawn],
        series=_make_series([[it] for it in drawn]),
    )
    columns = (text_column("repository", "repository"), *_COLUMNS)
    rows: tuple[tuple[Cell, ...], ...] = tuple((it.repo, *_list_costs([it])) for it in ordered)
    table = Table(name=plot.name, caption=title, columns=columns, rows=rows)
    return Section(
        heading="By repository",
        text=tell_drawn(len(drawn), len(ordered)),
        figure=draw_row_panels(plot),
        table=table,
    )


def _show_years(cohorts: Sequence[Cohort]) -> Section:
    costly = [it for it in cohorts if it.attempted or it.work_seconds]
    groups = group_cohorts(costly, length=4)
    years = fill_years(list(groups))
    title = "Yield, core-hours and bytes by year"
    plot = Plot(
        name="costs-by-year",
        title=title,
        about=f"Three panels of bars for {len(years)} years.",
        labels=years,
        series=_make_series([groups.get(year, []) for year in years]),
    )
    columns = (text_column("year", "year"), *_COLUMNS)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (year, *_list_costs(group)) for year, group in groups.items()
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=rows)
    return Section(
        heading="By year",
        text="The year in which the pull request was opened.",
        figure=draw_column_panels(plot),
        table=table,
    )


def fill_years(known: Sequence[str]) -> list[str]:
    """Return *known* with the years between them; what is no year comes last."""
    years = [int(year) for year in known if year.isdecimal()]
    between = range(min(years), max(years) + 1) if years else ()
    return [*map(str, between), *(it for it in known if not it.isdecimal())]


def _list_repositories_by_year(cohorts: Sequence[Cohort]) -> Section:
    costly = [it for it in cohorts if it.attempted or it.work_seconds]
    rows = []
    for repo in dict.fromkeys(it.repo for it in costly):
        groups = group_cohorts([it for it in costly if it.repo == repo], length=4)
        rows += [(repo, year, *_list_costs(group)) for year, group in groups.items()]
    columns = (text_column("repository", "repository"), text_column("year", "year"), *_COLUMNS)
    caption = "Costs by repository and year"
    table = Table(
        name="costs-by-repository-and-year", caption=caption, columns=columns, rows=tuple(rows)
    )
    return Section(heading="By repository and year", table=table)


def _make_series(groups: Sequence[Sequence[Counted]]) -> list[Series]:
    costs = [_list_costs(group) for group in groups]
    wanted = {"yield": 2, "core_hours": 3, "own_bytes": 5}
    series = []
    for key, place in wanted.items():
        column = next(it for it in _COLUMNS if it.key == key)
        values = [_as_number(one[place]) for one in costs]
        series.append(Series(label=column.label, values=values, kind=column.kind))
    return series


def _as_number(cell: Cell) -> float | None:
    assert not isinstance(cell, str)
    return cell
