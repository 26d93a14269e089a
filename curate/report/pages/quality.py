"""The page of quality: flaky tests, strength of tests, leaks and overlaps."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from curate.report.page import Fact, Figure, Page, Section
from curate.report.pages.environments import name_bin
from curate.report.pages.funnel import divide
from curate.report.plots import Plot, Series, draw_histogram, draw_rows
from curate.report.row_facts import RowFacts
from curate.report.table import Cell, Column, Kind, Table, sort_by_count, text_column
from curate.report.validation_facts import ValidationFacts

NOTHING_VERIFIED = "No candidate has been verified yet."
_LEAD = (
    "What is known of verified instances beyond their verdict: tests whose outcome wavers, parts of"
    " the gold patch that no test asks for, and texts that give the solution away."
)
_FLAKY_BINS = ((0, 0), (1, 1), (2, 5), (6, 20), (21, 100), (101, None))
_SHARES = ("0 %", "under 25 %", "25 to 50 %", "50 to 75 %", "75 to 100 %", "100 %")


class QualityCounts:
    """Measures of verified instances, added up one by one."""

    def __init__(self) -> None:
        self.flaky: list[int] = []
        self.new_flaky: list[float] = []
        self.hunks: dict[str, list[tuple[int, int]]] = defaultdict(list)  # repo -> (all, untested)
        self.leaks: Counter[str] = Counter()
        self.overlaps: Counter[str] = Counter()
        self.leaked_fractions: list[float] = []
        self.rows = self.rows_with_leaks = 0

    def add_validation(self, repo: str, facts: ValidationFacts) -> None:
        """Count one more validation; those of rejected candidates do not count."""
        if not facts.is_verified:
            return
        self.flaky.append(facts.flaky_tests)
        if facts.new_flaky_tests is not None:
            self.new_flaky.append(facts.new_flaky_tests)
        if facts.hunks:
            self.hunks[repo].append((facts.hunks, facts.untested_hunks))

    def add_row(self, facts: RowFacts) -> None:
        """Count one more row."""
        self.rows += 1
        self.rows_with_leaks += bool(facts.leaks)
        self.leaks.update(facts.leaks)
        self.overlaps.update(facts.overlaps)
        if facts.leaked_fraction is not None:
            self.leaked_fractions.append(facts.leaked_fraction)


def make_quality_page(
    counts: QualityCounts, leak_groups: Mapping[str, str], rejected: Mapping[str, int]
) -> Page:
    """Return the page; *leak_groups* are those of instances, *rejected* counts by stage/reason."""
    if not counts.flaky:
        sections: tuple[Section, ...] = (Section(heading="Quality", notice=NOTHING_VERIFIED),)
        return Page(key="quality", title="Quality", lead=_LEAD, sections=sections)
    sizes = [count for count in Counter(leak_groups.values()).values() if count > 1]
    strengths = [1 - untested / hunks for it in counts.hunks.values() for hunks, untested in it]
    facts = (
        Fact(
            key="instances_with_flaky_tests",
            label="instances with flaky tests",
            value=sum(count > 0 for count in counts.flaky),
            note=f"of {len(counts.flaky):,}",
        ),
        Fact(
            key="rejected_as_flaky",
            label="rejected as flaky",
            value=sum(n for why, n in rejected.items() if why.endswith("/flaky-tests")),
        ),
        Fact(
            key="new_flaky_tests",
            label="flaky tests one more run would show",
            value=fmean(counts.new_flaky) if counts.new_flaky else None,
            kind=Kind.MEAN,
            note="mean of instances",
        ),
        Fact(
            key="test_strength",
            label="of a gold patch’s hunks are needed",
            value=fmean(strengths) if strengths else None,
            kind=Kind.SHARE,
            note=f"mean of {len(strengths):,} measured instances",
        ),
        Fact(
            key="instances_with_leaks",
            label="instances whose texts leak",
            value=counts.rows_with_leaks,
            note=f"of {counts.rows:,}",
        ),
        Fact(
            key="instances_in_leak_groups",
            label="may reveal each other",
            value=sum(sizes),
            note=f"in {len(sizes):,} leak groups",
        ),
    )
    sections = (
        _show_flakiness(counts),
        _show_strength(strengths),
        _list_strength(counts),
        _show_leaks(counts),
        _show_fractions(counts),
        _list_overlaps(counts),
    )
    return Page(key="quality", title="Quality", lead=_LEAD, facts=facts, sections=sections)


def _show_flakiness(counts: QualityCounts) -> Section:
    rows = [
        (
            name_bin(low, high),
            sum(it >= low and (high is None or it <= high) for it in counts.flaky),
        )
        for low, high in _FLAKY_BINS
    ]
    title = "Instances by number of flaky tests"
    figure, table = _make_histogram("flaky-tests", title, rows, ("flaky_tests", "flaky tests"))
    text = "A flaky test is in neither list of its instance; it was seen to waver between runs."
    return Section(heading="Flaky tests", text=text, figure=figure, table=table)


def _show_strength(strengths: Sequence[float]) -> Section:
    heading = "Strength of tests"
    if not strengths:
        return Section(heading=heading, notice="The strength of no instance was measured.")
    rows = _count_shares(strengths)
    title = "Instances by share of the gold patch’s hunks that tests need"
    figure, table = _make_histogram("test-strength", title, rows, ("needed", "hunks needed"))
    text = "Without a hunk that is not needed, every FAIL_TO_PASS test still passes."
    return Section(heading=heading, text=text, figure=figure, table=table)


def _count_shares(shares: Sequence[float]) -> list[tuple[str, int]]:
    """Return how many of *shares* are in each of `_SHARES`, whose ends stand apart."""
    places = Counter(0 if it <= 0 else 5 if it >= 1 else 1 + int(it * 4) for it in shares)
    return [(label, places[number]) for number, label in enumerate(_SHARES)]


def _list_strength(counts: QualityCounts) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for repo, measured in sorted(counts.hunks.items()):
        hunks, untested = map(sum, zip(*measured, strict=True))
        weak = sum(bool(it[1]) for it in measured)
        rows.append((repo, len(measured), weak, hunks, untested, divide(untested, hunks)))
    if not rows:
        return Section(heading="Hunks that no test needs", notice="None was measured.")
    columns = (
        text_column("repository", "repository"),
        Column(key="measured", label="instances measured"),
        Column(key="with_unneeded_hunks", label="with hunks not needed"),
        Column(key="hunks", label="hunks"),
        Column(key="unneeded_hunks", label="not needed"),
        Column(key="share", label="share", kind=Kind.SHARE),
    )
    caption = "Hunks that no test needs, by repository"
    table = Table(name="unneeded-hunks", caption=caption, columns=columns, rows=tuple(rows))
    return Section(heading="Hunks that no test needs", table=table)


def _show_leaks(counts: QualityCounts) -> Section:
    if not counts.leaks:
        return Section(heading="Leaks in texts", notice="No text was found to leak the solution.")
    rows = tuple(
        (kind, count, divide(count, counts.rows)) for kind, count in sort_by_count(counts.leaks)
    )
    title = "Instances by what their texts give away"
    plot = Plot(
        name="solution-leaks",
        title=title,
        about="A bar for each kind of leak; an instance may have several.",
        labels=[row[0] for row in rows],
        series=[Series(label="instances", values=[row[1] for row in rows])],
    )
    columns = (
        text_column("leak", "leak"),
        Column(key="instances", label="instances"),
        Column(key="share", label="of all", kind=Kind.SHARE),
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=rows)
    return Section(heading="Leaks in texts", figure=draw_rows(plot), table=table)


def _show_fractions(counts: QualityCounts) -> Section:
    heading = "Gold patch in the problem statement"
    if not any(counts.leaked_fractions):
        return Section(heading=heading, notice="No problem statement has a line of a gold patch.")
    title = "Instances by share of the gold patch’s lines in the problem statement"
    rows = _count_shares(counts.leaked_fractions)
    figure, table = _make_histogram("leaked-fraction", title, rows, ("share", "lines there"))
    return Section(heading=heading, figure=figure, table=table)


def _list_overlaps(counts: QualityCounts) -> Section:
    heading = "Overlaps with benchmarks"
    if not counts.overlaps:
        return Section(heading=heading, notice="No instance is known from another benchmark.")
    columns = (text_column("benchmark", "benchmark"), Column(key="instances", label="instances"))
    rows: tuple[tuple[Cell, ...], ...] = tuple(sort_by_count(counts.overlaps))
    table = Table(name="benchmark-overlaps", caption=heading, columns=columns, rows=rows)
    return Section(heading=heading, table=table)


def _make_histogram(
    name: str, title: str, rows: Sequence[tuple[str, int]], first: tuple[str, str]
) -> tuple[Figure, Table]:
    """Return plot and table of *rows*; *first* is key and label of their first column."""
    plot = Plot(
        name=name,
        title=title,
        about=f"A bar for each range of {first[1]}; its height is the number of instances.",
        labels=[label for label, _ in rows],
        series=[Series(label="instances", values=[count for _, count in rows])],
    )
    columns = (text_column(*first), Column(key="instances", label="instances"))
    return draw_histogram(plot), Table(name=name, caption=title, columns=columns, rows=tuple(rows))
