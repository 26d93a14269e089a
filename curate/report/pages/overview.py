"""The first page: what there is, beside Figure 2 and Table 2 of SWE-Gym's paper."""

from collections.abc import Mapping, Sequence

from curate.publish.statistics import (
    MEASURES,
    MeasuredRows,
    load_paper_counts,
    load_paper_statistics,
)
from curate.report.page import Fact, Page, Section
from curate.report.pages.funnel import NOTHING_CRAWLED, count_stages, divide
from curate.report.plots import Plot, Series, draw_rows
from curate.report.table import Cell, Column, Kind, Table, sort_by_count, text_column
from curate.store.funnel import RepositoryFunnel

_LEAD = "Verified tasks from the history of Python repositories, and what it took to find them."
_PAPER = "SWE-Gym’s paper (arXiv 2412.21139)"
_DRAWN = 20  # repositories of ours in the plot
_OTHERS = "all others"


def make_overview_page(
    funnels: Sequence[RepositoryFunnel],
    measures: MeasuredRows,
    lite: MeasuredRows,
    excluded: Mapping[str, int],
    included: int,
) -> Page:
    """Return the page; *measures* are of all verified instances, *lite* of those of Lite's kind.

    A release leaves *excluded* out by reason, and has *included* instances.
    """
    totals = count_stages(funnels)
    facts = (
        Fact(key="repositories", label="repositories", value=len(funnels)),
        Fact(key="pulls", label="pull requests", value=totals["pulls"]),
        Fact(key="candidates", label="candidates", value=totals["candidates"]),
        Fact(key="attempted", label="attempted", value=totals["attempted"]),
        Fact(
            key="verified",
            label="verified instances",
            value=totals["verified"],
            note=_tell_yield(totals),
        ),
        Fact(
            key="included",
            label="in a release",
            value=included,
            note="after its filters",
        ),
    )
    sections: list[Section] = []
    if not funnels:
        sections.append(Section(heading="Nothing yet", notice=NOTHING_CRAWLED))
    elif not totals["verified"]:
        notice = "No candidate has been verified yet. Start with: curate validate"
        sections.append(Section(heading="Instances", notice=notice))
    else:
        counts = {it.repo: it.verified for it in funnels if it.verified}
        sections += [_show_repositories(counts), _compare_measures(measures, lite)]
    if excluded:
        sections.append(_list_exclusions(excluded))
    return Page(key="overview", title="Overview", lead=_LEAD, facts=facts, sections=tuple(sections))


def _tell_yield(totals: Mapping[str, int]) -> str:
    share = divide(totals["verified"], totals["attempted"])
    return "" if share is None else f"{share:.1%} of those attempted"


def _show_repositories(counts: Mapping[str, int]) -> Section:
    paper = load_paper_counts()
    rows = _share_rows(counts, paper)
    drawn = _select_drawn(rows)
    title = "Instances by repository, beside Figure 2 of SWE-Gym’s paper"
    plot = Plot(
        name="instances-by-repository",
        title=title,
        about="Two bars for each repository: its share of the instances here, and its share of"
        " SWE-Gym’s.",
        labels=[str(row[0]) for row in drawn],
        series=[
            Series(
                label="here", values=[_number(row[2]) or None for row in drawn], kind=Kind.SHARE
            ),
            Series(
                label="SWE-Gym", values=[_number(row[4]) or None for row in drawn], kind=Kind.SHARE
            ),
        ],
    )
    columns = (
        text_column("repository", "repository"),
        Column(key="instances", label="instances"),
        Column(key="share", label="share", kind=Kind.SHARE),
        Column(key="swe_gym_instances", label="SWE-Gym’s instances"),
        Column(key="swe_gym_share", label="SWE-Gym’s share", kind=Kind.SHARE),
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=tuple(rows))
    note = f"Source of SWE-Gym’s numbers: Figure 2 of {_PAPER}, as counts of the published dataset."
    return Section(
        heading="Instances by repository", figure=draw_rows(plot), table=table, note=note
    )


def _share_rows(counts: Mapping[str, int], paper: Mapping[str, int]) -> list[tuple[Cell, ...]]:
    """Return a row for each repository of *counts* and of the paper, ours first."""
    own, theirs = sum(counts.values()), sum(paper.values())
    ordered = [*dict(sort_by_count(dict(counts))), *(it for it in paper if it not in counts)]
    return [
        (
            *(repo, counts.get(repo, 0), counts.get(repo, 0) / own),
            *(paper.get(repo, 0), paper.get(repo, 0) / theirs),
        )
        for repo in ordered
    ]


def _select_drawn(rows: Sequence[tuple[Cell, ...]]) -> list[tuple[Cell, ...]]:
    """Return the first rows and those of the paper; the others as one."""
    kept = [row for number, row in enumerate(rows) if number < _DRAWN or row[3]]
    if len(kept) == len(rows):
        return kept
    rest = [row for row in rows if row not in kept]
    summed = [sum(_number(row[place]) for row in rest) for place in (1, 2, 3, 4)]
    return [*kept, (f"{_OTHERS} ({len(rest):,})", *summed)]


def _number(cell: Cell) -> float:
    assert isinstance(cell, int | float)
    return cell


def _compare_measures(measures: MeasuredRows, lite: MeasuredRows) -> Section:
    own = [measures.compute_means(), lite.compute_means()]
    papers = [load_paper_statistics(name) for name in ("swe-gym", "swe-gym-lite")]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (label, *(it[key] for it in own), *(it.means[key] for it in papers))
        for key, label in MEASURES.items()
    )
    columns = (
        text_column("measure", "measure"),
        *(
            Column(key=key, label=label, kind=Kind.MEAN)
            for key, label in (
                ("here", "here"),
                ("here_lite", "here, Lite"),
                ("swe_gym", "SWE-Gym"),
                ("swe_gym_lite", "SWE-Gym Lite"),
            )
        ),
    )
    caption = "Statistics of instances, beside Table 2 of SWE-Gym’s paper; means but for counts"
    table = Table(name="statistics", caption=caption, columns=columns, rows=rows)
    quoted = [
        label
        for key, label in MEASURES.items()
        if any(key not in it.verified_measures for it in papers)
    ]
    note = (
        f"Source of SWE-Gym’s numbers: Table 2 of {_PAPER}. Quoted, and not compared with its"
        f" dataset: {'; '.join(quoted)}. Lite is what meets SWE-bench Lite’s criteria, as coded."
    )
    return Section(heading="Statistics", table=table, note=note)


def _list_exclusions(excluded: Mapping[str, int]) -> Section:
    columns = (text_column("reason", "reason"), Column(key="instances", label="instances"))
    caption = "Verified instances that a release leaves out; one may have several reasons"
    rows: tuple[tuple[Cell, ...], ...] = tuple(sort_by_count(dict(excluded)))
    table = Table(name="exclusions", caption=caption, columns=columns, rows=rows)
    return Section(heading="Left out of a release", table=table)
