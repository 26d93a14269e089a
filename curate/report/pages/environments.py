"""The page of environments: how many candidates share one, and what layers of images take."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from curate.report.page import Fact, Page, Section
from curate.report.pages.funnel import divide
from curate.report.plots import Plot, Series, draw_histogram, draw_rows
from curate.report.table import Cell, Column, Kind, Table, text_column
from curate.report.validation_facts import ValidationFacts

NO_ENVIRONMENT = "No environment has been built yet. Start with: curate validate"
_LEAD = (
    "Candidates with the same interpreter, packages and system packages share an environment, and"
    " images share the layers below what is their own."
)
_BINS = ((1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (21, 50), (51, 100), (101, None))


class EnvironmentCounts:
    """Environments and layers, added up validation by validation."""

    def __init__(self) -> None:
        self.uses: dict[str, Counter[str]] = defaultdict(Counter)  # repository -> key -> candidates
        self.pythons: dict[str, set[str]] = defaultdict(set)
        self.instances_by_python: Counter[str] = Counter()
        self.layers: dict[str, dict[str, int]] = defaultdict(dict)  # kind -> name -> bytes
        self.layer_uses: Counter[str] = Counter()
        self.layer_bytes: Counter[str] = Counter()  # if nothing were shared

    def add(self, repo: str, facts: ValidationFacts) -> None:
        """Count one more validation."""
        if not facts.environment:
            return
        self.uses[repo][facts.environment] += 1
        self.pythons[repo].add(facts.python)
        self.instances_by_python[facts.python] += facts.is_verified
        for layer, size in (facts.layers or {}).items():
            kind, _, name = layer.partition(" ")
            self.layers[kind][name] = size
            self.layer_uses[kind] += 1
            self.layer_bytes[kind] += size

    @property
    def image_bytes(self) -> int | None:
        """Bytes of all images, shared layers once; None if no layer was measured."""
        sizes = [size for named in self.layers.values() for size in named.values()]
        return sum(sizes) if sizes else None

    def count_uses(self) -> Counter[str]:
        """Return the candidates by environment; repositories may share one."""
        return sum(self.uses.values(), Counter())


def make_environments_page(counts: EnvironmentCounts) -> Page:
    """Return the page."""
    uses = counts.count_uses()
    if not uses:
        sections: tuple[Section, ...] = (Section(heading="Environments", notice=NO_ENVIRONMENT),)
        return Page(key="environments", title="Environments", lead=_LEAD, sections=sections)
    shared = sum(count for count in uses.values() if count > 1)
    facts = (
        Fact(key="environments", label="environments", value=len(uses)),
        Fact(key="candidates", label="candidates with one", value=uses.total()),
        Fact(
            key="environments_per_candidate",
            label="environments a candidate",
            value=len(uses) / uses.total(),
            kind=Kind.MEAN,
        ),
        Fact(
            key="sharing_candidates",
            label="share theirs with others",
            value=shared / uses.total(),
            kind=Kind.SHARE,
        ),
    )
    sections = (
        _show_reuse(uses),
        _show_layers(counts),
        _show_pythons(counts),
        _list_repositories(counts),
    )
    return Page(
        key="environments", title="Environments", lead=_LEAD, facts=facts, sections=sections
    )


def _show_reuse(uses: Counter[str]) -> Section:
    rows = [
        (name_bin(low, high), len(counts), sum(counts))
        for low, high in _BINS
        if (counts := [it for it in uses.values() if it >= low and (not high or it <= high)])
        or low <= max(uses.values())
    ]
    title = "Environments by how many candidates use them"
    plot = Plot(
        name="environment-reuse",
        title=title,
        about="A bar for each number of candidates; its height is the number of environments.",
        labels=[row[0] for row in rows],
        series=[Series(label="environments", values=[row[1] for row in rows])],
    )
    columns = (
        text_column("candidates_each", "candidates each"),
        Column(key="environments", label="environments"),
        Column(key="candidates", label="candidates in all"),
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=tuple(rows))
    return Section(heading="Reuse", figure=draw_histogram(plot), table=table)


def name_bin(low: int, high: int | None) -> str:
    """Return how a range of whole numbers is called; *high* is None if it has no end."""
    return f"over {low - 1}" if high is None else str(low) if low == high else f"{low}–{high}"


def _show_layers(counts: EnvironmentCounts) -> Section:
    if not counts.layers:
        return Section(heading="Layers of images", notice="No size of a layer is known.")
    rows: list[tuple[Cell, ...]] = [
        (kind, len(named), counts.layer_uses[kind], sum(named.values()), counts.layer_bytes[kind])
        for kind, named in counts.layers.items()
    ]
    title = "Bytes of layers by kind"
    plot = Plot(
        name="layer-bytes",
        title=title,
        about="Two bars for each kind of layer: with each layer once, as it is stored, and as if"
        " every image had layers of its own.",
        labels=list(counts.layers),
        series=[
            _make_byte_series("stored, each layer once", rows, 3),
            _make_byte_series("if nothing were shared", rows, 4),
        ],
    )
    columns = (
        text_column("kind", "layer"),
        Column(key="layers", label="different layers"),
        Column(key="uses", label="images with one"),
        Column(key="bytes", label="bytes", kind=Kind.BYTES),
        Column(key="bytes_unshared", label="if nothing were shared", kind=Kind.BYTES),
    )
    table = Table(name=plot.name, caption=title, columns=columns, rows=tuple(rows))
    text = "Uncompressed, as the engine reports them; a registry receives about 40 %."
    return Section(heading="Layers of images", text=text, figure=draw_rows(plot), table=table)


def _make_byte_series(label: str, rows: Sequence[tuple[Cell, ...]], place: int) -> Series:
    values = [float(row[place] or 0) for row in rows]
    return Series(label=label, values=values, kind=Kind.BYTES)


def _show_pythons(counts: EnvironmentCounts) -> Section:
    found = {it: count for it, count in counts.instances_by_python.items() if count}
    if not found:
        return Section(heading="Interpreters", notice="No candidate has been verified yet.")
    ordered = sorted(found.items(), key=lambda item: _version_key(item[0]))
    title = "Instances by version of Python"
    plot = Plot(
        name="instances-by-python",
        title=title,
        about="A bar for each version of Python.",
        labels=[version for version, _ in ordered],
        series=[Series(label="instances", values=[count for _, count in ordered])],
    )
    columns = (text_column("python", "Python"), Column(key="instances", label="instances"))
    table = Table(name=plot.name, caption=title, columns=columns, rows=tuple(ordered))
    return Section(heading="Interpreters", figure=draw_rows(plot), table=table)


def _version_key(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]


def _list_repositories(counts: EnvironmentCounts) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for repo, uses in sorted(counts.uses.items()):
        pythons = ", ".join(sorted(counts.pythons[repo], key=_version_key))
        rows.append((repo, uses.total(), len(uses), divide(len(uses), uses.total()), pythons))
    columns = (
        text_column("repository", "repository"),
        Column(key="candidates", label="candidates"),
        Column(key="environments", label="environments"),
        Column(key="environments_per_candidate", label="a candidate", kind=Kind.MEAN),
        text_column("pythons", "versions of Python"),
    )
    caption = "Environments by repository"
    table = Table(
        name="environments-by-repository", caption=caption, columns=columns, rows=tuple(rows)
    )
    return Section(heading="By repository", table=table)
