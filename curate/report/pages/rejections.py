"""The page of rejections: how many for each reason, and examples with what their logs end with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curate.report.examples import Example
from curate.report.page import Fact, Page, Section
from curate.report.plots import MAX_ROWS, Plot, Series, draw_rows
from curate.report.table import Cell, Column, Kind, Table, sort_by_count, text_column

_LEAD = (
    "Every pull request and candidate that is no instance has a stage and a reason. A candidate may"
    " be tried again: curate validate --reason REASON."
)


@dataclass(frozen=True, kw_only=True)
class ReasonExamples:
    """Examples of one reason."""

    stage: str
    reason: str
    count: int
    examples: Sequence[Example]

    @property
    def anchor(self) -> str:
        """Of its heading."""
        return f"{self.stage}-{self.reason}"


def make_rejections_page(rejected: Mapping[str, int]) -> Page:
    """Return the page without its examples; *rejected* counts by "stage/reason"."""
    total = sum(rejected.values())
    crawled = sum(count for why, count in rejected.items() if why.startswith("crawl/"))
    facts = (
        Fact(key="rejected_pulls", label="pull requests rejected by the crawl", value=crawled),
        Fact(key="rejected_candidates", label="candidates rejected", value=total - crawled),
        Fact(key="reasons", label="reasons", value=len(rejected)),
    )
    if not total:
        sections: tuple[Section, ...] = (
            Section(heading="By reason", notice="Nothing has been rejected."),
        )
    else:
        sections = (_show_reasons(rejected, total),)
    return Page(key="rejections", title="Rejections", lead=_LEAD, facts=facts, sections=sections)


def list_reasons(
    rejected: Mapping[str, int], examples: Mapping[str, Sequence[Example]]
) -> list[ReasonExamples]:
    """Return the reasons with their examples: those of candidates first, the most frequent first.

    Of candidates there is more to learn, as the crawl's rejections name their whole cause.
    """
    ordered = sorted(sort_by_count(dict(rejected)), key=lambda it: it[0].startswith("crawl/"))
    return [
        ReasonExamples(
            stage=why.partition("/")[0],
            reason=why.partition("/")[2],
            count=count,
            examples=examples.get(why, ()),
        )
        for why, count in ordered
    ]


def _show_reasons(rejected: Mapping[str, int], total: int) -> Section:
    ordered = sort_by_count(dict(rejected))
    drawn = ordered[:MAX_ROWS]
    title = "Rejections by reason"
    plot = Plot(
        name="rejections",
        title=title,
        about=f"A bar for each of {len(drawn)} reasons, the most frequent first.",
        labels=[why for why, _ in drawn],
        series=[Series(label="rejections", values=[count for _, count in drawn])],
    )
    columns = (
        text_column("stage", "stage"),
        text_column("reason", "reason"),
        Column(key="count", label="count"),
        Column(key="share", label="share", kind=Kind.SHARE),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (*why.split("/", 1), count, count / total) for why, count in ordered
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=rows)
    text = f"The plot has {len(drawn)} of {len(ordered)} reasons." * (len(drawn) < len(ordered))
    return Section(heading="By reason", text=text, figure=draw_rows(plot), table=table)
