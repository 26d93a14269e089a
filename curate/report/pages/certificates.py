"""The page of certificates: instances that were looked at again, and what differed then."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from curate.core.certification import Certification, CertificationResult
from curate.report.examples import clean_text
from curate.report.page import Fact, Page, Section
from curate.report.pages.funnel import divide, iter_months
from curate.report.plots import Plot, Series, draw_histogram
from curate.report.table import Cell, Column, Kind, Table, text_column

NOTHING_CERTIFIED = "No instance has been certified yet. Start with: curate certify"
_LEAD = (
    "A certification pulls the image of an instance again, and runs gold and no patch. Drift is"
    " what differs from what the dataset promises."
)
_OWN = "this store"
_MAX_DETAIL = 300


class CertificateCounts:
    """Certifications, added up one by one, by dataset and instance and oldest first."""

    def __init__(self) -> None:
        self.newest: dict[tuple[str, str], Certification] = {}
        self.by_month: dict[str, Counter[CertificationResult]] = defaultdict(Counter)
        self.total = 0

    def add(self, one: Certification) -> None:
        """Count one more certification."""
        self.total += 1
        self.newest[one.dataset, one.instance_id] = one
        self.by_month[f"{one.certified_at:%Y-%m}"][one.result] += 1


def make_certificates_page(
    counts: CertificateCounts, verified: int, own: Mapping[str, Certification]
) -> Page:
    """Return the page.

    *own* has the newest certification of the present image of each verified instance that has one.
    """
    title, key = "Certificates", "certificates"
    if not counts.total:
        sections: tuple[Section, ...] = (Section(heading=title, notice=NOTHING_CERTIFIED),)
        return Page(key=key, title=title, lead=_LEAD, sections=sections)
    good = sum(one.is_good for one in own.values())
    last = max(one.certified_at for one in counts.newest.values())
    facts = (
        Fact(key="certifications", label="certifications", value=counts.total),
        Fact(
            key="certified_instances",
            label="instances looked at again",
            value=len(own),
            note=f"of {verified:,} verified",
        ),
        Fact(
            key="share_good",
            label="as promised",
            value=divide(good, len(own)),
            kind=Kind.SHARE,
            note=f"{good:,} of {len(own):,}",
        ),
        Fact(key="last_certified_at", label="last", value=f"{last:%Y-%m-%d}", kind=Kind.TEXT),
    )
    sections = (
        _show_months(counts),
        _list_passes(own),
        _list_datasets(counts),
        _list_drift(counts),
    )
    return Page(key=key, title=title, lead=_LEAD, facts=facts, sections=sections)


def _show_months(counts: CertificateCounts) -> Section:
    months = list(iter_months(min(counts.by_month), max(counts.by_month)))
    results = [it for it in CertificationResult if any(it in by for by in counts.by_month.values())]
    values = {it: [counts.by_month[month][it] for month in months] for it in results}
    title = "Certifications by month and result"
    plot = Plot(
        name="certifications-by-month",
        title=title,
        about=f"A bar for each of {len(months)} months, with a part for each result.",
        labels=months,
        series=[Series(label=str(it), values=values[it]) for it in results],
    )
    columns = (
        text_column("month", "month"),
        *(Column(key=str(it), label=str(it)) for it in results),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (month, *(values[it][place] for it in results)) for place, month in enumerate(months)
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=rows)
    return Section(heading="By month", figure=draw_histogram(plot), table=table)


def _list_passes(own: Mapping[str, Certification]) -> Section:
    heading = "Passes of the gold patch"
    if not own:
        return Section(heading=heading, notice="No instance of this store has been certified.")
    passes = Counter((one.gold_passes, one.gold_runs) for one in own.values())
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"{passed} of {runs}", count) for (passed, runs), count in sorted(passes.items())
    )
    columns = (
        text_column("passes", "runs that passed"),
        Column(key="instances", label="instances"),
    )
    caption = "Instances by runs of the gold patch that passed, in the newest certification"
    table = Table(name="certified-passes", caption=caption, columns=columns, rows=rows)
    return Section(heading=heading, table=table)


def _list_datasets(counts: CertificateCounts) -> Section:
    by_dataset: dict[str, Counter[CertificationResult]] = defaultdict(Counter)
    for (dataset, _), one in counts.newest.items():
        by_dataset[dataset][one.result] += 1
    columns = (
        text_column("dataset", "dataset"),
        *(Column(key=str(it), label=str(it)) for it in CertificationResult),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (dataset or _OWN, *(found[it] for it in CertificationResult))
        for dataset, found in sorted(by_dataset.items())
    )
    caption = "Instances by the result of their newest certification"
    table = Table(name="certified-datasets", caption=caption, columns=columns, rows=rows)
    return Section(heading="By dataset", table=table)


def _list_drift(counts: CertificateCounts) -> Section:
    drifted = [one for one in counts.newest.values() if not one.is_good]
    if not drifted:
        return Section(heading="Drift", notice="Every instance was as promised when last seen.")
    columns = (
        text_column("instance_id", "instance"),
        text_column("dataset", "dataset"),
        text_column("certified_at", "certified"),
        text_column("result", "result"),
        text_column("passes", "gold passed"),
        Column(key="tests", label="tests that differ"),
        text_column("detail", "detail"),
    )
    table = Table(
        name="drift",
        caption="Instances whose newest certification is not as promised",
        columns=columns,
        rows=tuple(_make_drift_row(one) for one in _order(drifted)),
    )
    return Section(heading="Drift", table=table)


def _order(drifted: Sequence[Certification]) -> list[Certification]:
    return sorted(drifted, key=lambda it: (it.dataset, it.result, it.instance_id))


def _make_drift_row(one: Certification) -> tuple[str | int, ...]:
    tests = {it.test for it in one.differences if it.test}
    return (
        *(one.instance_id, one.dataset or _OWN, f"{one.certified_at:%Y-%m-%d}", str(one.result)),
        *(f"{one.gold_passes} of {one.gold_runs}", len(tests)),
        clean_text(one.detail)[:_MAX_DETAIL],
    )
