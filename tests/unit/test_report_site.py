"""Tables, plots and choices of the report, from numbers alone."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from curate.core.certification import CertificationResult
from curate.publish.statistics import MeasuredRows
from curate.report.examples import EXAMPLES, choose_examples, clean_text
from curate.report.page import Figure
from curate.report.pages.costs import fill_years
from curate.report.pages.environments import EnvironmentCounts, make_environments_page
from curate.report.pages.funnel import iter_months, make_funnel_page
from curate.report.pages.overview import make_overview_page
from curate.report.pages.quality import QualityCounts, make_quality_page
from curate.report.pages.rejections import make_rejections_page
from curate.report.plots import (
    Plot,
    Series,
    draw_column_panels,
    draw_histogram,
    draw_row_panels,
    draw_rows,
)
from curate.report.site import render_page
from curate.report.table import Column, Kind, Table, format_bytes, format_cell, text_column
from curate.report.validation_facts import ValidationFacts
from curate.store.cohorts import Cohort
from curate.store.funnel import RepositoryFunnel
from curate.store.listing import ListedPull

DRAWINGS = (draw_rows, draw_row_panels, draw_column_panels, draw_histogram)
ODD = 'a <b> & $x^2$ "q" ' + "long" * 20


def make_plot(**changes: object) -> Plot:
    values: dict[str, object] = {
        "name": "a-plot",
        "title": "Title <1>",
        "about": "About & so on",
        "labels": ["2020-01", ODD, "c"],
        "series": [
            Series(label="one", values=[1, 2.5, None]),
            Series(label="two", values=[0, 7, 3]),
        ],
    }
    return Plot(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_plot_is_named_themed_and_the_same_again(draw: Callable[[Plot], Figure]) -> None:
    figure = draw(make_plot())
    assert figure == draw(make_plot())
    root = ElementTree.fromstring(figure.svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"].split() == [root[0].attrib["id"], root[1].attrib["id"]]
    assert (root[0].text, root[1].text) == ("Title <1>", "About & so on")
    assert [it.text for it in root.iter("text") if it.text == "one"] == ["one"]
    assert set(re.findall(r"#[0-9a-f]{6}\b", figure.svg)) == set()
    assert "var(--series-1)" in figure.svg and "DejaVu" not in figure.svg
    assert not re.search(r"https?:|<style|<metadata|<image", figure.svg)
    ids = re.findall(r'\bid="([^"]+)"', figure.svg)
    assert len(ids) == len(set(ids))


def test_the_settings_of_matplotlib_do_not_count() -> None:
    import matplotlib as mpl

    expected = draw_rows(make_plot())
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert draw_rows(make_plot()) == expected


def test_clip_paths_of_two_plots_do_not_meet() -> None:
    ids = [
        set(re.findall(r'\bid="([^"]+)"', draw_rows(make_plot(name=name)).svg))
        for name in ("one", "two")
    ]
    assert ids[0].isdisjoint(ids[1])


def test_the_numbers_beside_bars_are_inside_of_the_plot() -> None:
    series = [
        Series(label="small", values=[0.001], kind=Kind.SHARE),
        Series(label="large", values=[0.99], kind=Kind.SHARE),
    ]
    root = ElementTree.fromstring(draw_rows(make_plot(labels=["a"], series=series)).svg)
    width = float(root.attrib["viewBox"].split()[2])
    (text,) = [it for it in root.iter("text") if it.text == "99.0%"]
    assert float(text.attrib["x"]) < width - 30


@pytest.mark.parametrize("draw", DRAWINGS)
def test_zeros_and_one_value_can_be_drawn(draw: Callable[[Plot], Figure]) -> None:
    for values in ([0], [None], [5]):
        plot = make_plot(labels=["a"], series=[Series(label="s", values=values)])
        assert draw(plot).svg.endswith("</svg>")


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [
        (None, Kind.COUNT, "–"),
        (1234567, Kind.COUNT, "1,234,567"),
        (0.3333, Kind.SHARE, "33.3%"),
        (2.0, Kind.MEAN, "2"),
        (2.345, Kind.MEAN, "2.35"),
        (12345.6, Kind.HOURS, "12,346"),
        (0.5, Kind.HOURS, "0.50"),
        (0.00417, Kind.HOURS, "0.0042"),
        (0, Kind.HOURS, "0"),
        ("text", Kind.BYTES, "text"),
    ],
)
def test_a_cell_is_written_for_people(cell: float, kind: Kind, text: str) -> None:
    assert format_cell(cell, kind) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.7, "1.0 kB"),
        (999_960_000, "1.0 GB"),
        (6e12, "6.0 TB"),
        (1e20, "100,000 PB"),
    ],
)
def test_bytes_have_a_unit(size: float, text: str) -> None:
    assert format_bytes(size) == text


def make_table(*rows: tuple[str | float | None, ...], **changes: object) -> Table:
    columns = (text_column("name", "a name"), Column(key="value", label="value", kind=Kind.SHARE))
    return Table(name="t", caption="Caption", columns=columns, rows=rows, **changes)  # type: ignore[arg-type]


def test_a_file_has_the_numbers_and_no_formula() -> None:
    table = make_table(("=1+1", 0.25), ('a "b", c', None), ("-", -0.5), shown=1)
    rows = list(csv.reader(io.StringIO(table.make_csv())))
    assert rows[:3] == [["name", "value"], ["'=1+1", "0.25"], ['a "b", c', ""]]
    assert rows[3] == ["'-", "-0.5"]
    assert list(table.iter_texts()) == [["=1+1", "25.0%"]]
    assert table.list_records()[1] == {"name": 'a "b", c', "value": None}


def test_rows_may_differ_in_kind() -> None:
    table = make_table(("a", 1000), ("b", 2000), row_kinds=(Kind.COUNT, Kind.BYTES))
    assert [texts[1] for texts in table.iter_texts()] == ["1,000", "2.0 kB"]


def list_rejected(reason: str, repo: str, *numbers: int) -> list[ListedPull]:
    return [
        ListedPull(
            instance_id=f"{repo.replace('/', '__')}-{number}",
            repo=repo,
            number=number,
            state="rejected",
            stage="crawl",
            reason=reason,
            detail="",
        )
        for number in numbers
    ]


def test_examples_are_the_newest_of_many_repositories() -> None:
    many = [it for n in range(9) for it in list_rejected("a", f"o/{n}", 1, 2)]
    one = list_rejected("b", "o/1", *range(1, 50))
    chosen = choose_examples([*many, *one, *list_rejected("c", "o/1", 4)])
    assert {why: len(them) for why, them in chosen.items()} == {
        "crawl/a": EXAMPLES,
        "crawl/b": EXAMPLES,
        "crawl/c": 1,
    }
    assert len({it.repo for it in chosen["crawl/a"]}) == EXAMPLES
    assert {it.number for it in chosen["crawl/a"]} == {2}
    assert [it.number for it in chosen["crawl/b"]] == [49, 48, 47]


def test_colors_of_terminals_are_no_text() -> None:
    told = "\x1b[1;31mred\x1b[0m\r\n50 %\r100 %\x00\x9b\x1b]0;title\x07\tend"
    assert clean_text(told) == "red\n50 %\n100 %\tend"


def test_months_and_years_have_no_gaps() -> None:
    assert list(iter_months("2021-11", "2022-02")) == ["2021-11", "2021-12", "2022-01", "2022-02"]
    assert fill_years(["2019", "2022", "unknown"]) == ["2019", "2020", "2021", "2022", "unknown"]
    assert fill_years(["unknown"]) == ["unknown"]


def test_the_funnel_draws_what_fits_and_lists_all() -> None:
    funnels = [
        RepositoryFunnel(repo=f"o/{n:03}", pulls=n + 1, candidates=n, attempted=0, verified=0)
        for n in range(200)
    ]
    cohorts = [Cohort(repo="o/001", month=month, pulls=1) for month in ("", "2020-01", "2020-03")]
    page = make_funnel_page(funnels, cohorts)
    tables = {table.name: table for table in page.iter_tables()}
    assert len(tables["funnel-by-repository"].rows) == 200
    section = page.sections[1]
    assert section.figure and "o/199" in section.figure.svg and "o/100" not in section.figure.svg
    assert section.text == "The plot has 25 of 200 repositories, the table all."
    assert [row[0] for row in tables["funnel-by-month"].rows] == ["2020-01", "2020-03", "unknown"]


def test_months_that_nobody_knows_are_not_drawn() -> None:
    page = make_funnel_page(
        [RepositoryFunnel(repo="o/r", pulls=1)], [Cohort(repo="o/r", month="", pulls=1)]
    )
    assert page.sections[2].figure is None and page.sections[2].table


def test_figure_2_has_every_repository_once() -> None:
    funnels = [RepositoryFunnel(repo=f"o/{n}", pulls=9, verified=9 - n % 9) for n in range(60)]
    funnels.append(RepositoryFunnel(repo="getmoto/moto", pulls=1, verified=1))
    page = make_overview_page(funnels, MeasuredRows(), MeasuredRows(), {}, 0)
    section = page.sections[0]
    assert section.figure and section.table
    rows = {str(row[0]): row for row in section.table.rows}
    assert len(rows) == len(section.table.rows) == 60 + 11
    assert rows["getmoto/moto"][1:4:2] == (1, 343)
    assert rows["pandas-dev/pandas"][1:4:2] == (0, 737)
    assert "all others (40)" in section.figure.svg
    for place in (2, 4):
        assert sum(float(row[place] or 0) for row in section.table.rows) == pytest.approx(1)


def test_environments_of_two_repositories_may_be_one() -> None:
    counts = EnvironmentCounts()
    for repo, key in (("o/a", "k"), ("o/b", "k"), ("o/a", "other"), ("o/a", "")):
        counts.add(repo, ValidationFacts(is_verified=True, environment=key, python="3.10"))
    page = make_environments_page(counts)
    facts = {fact.key: fact.value for fact in page.facts}
    assert (facts["environments"], facts["candidates"]) == (2, 3)
    assert counts.image_bytes is None
    reuse = next(page.iter_tables())
    assert reuse.rows == (("1", 1, 1), ("2", 1, 2))


def test_shares_of_hunks_are_counted_with_their_ends_apart() -> None:
    counts = QualityCounts()
    for untested in (0, 1, 2, 3, 4):
        counts.add_validation(
            "o/r", ValidationFacts(is_verified=True, hunks=4, untested_hunks=untested)
        )
    counts.add_validation("o/r", ValidationFacts(is_verified=False, hunks=4, flaky_tests=9))
    page = make_quality_page(counts, {}, {"validate/flaky-tests": 2, "crawl/no-tests": 5})
    table = {it.name: it for it in page.iter_tables()}["test-strength"]
    assert [row[1] for row in table.rows] == [1, 0, 1, 1, 1, 1]
    assert {fact.key: fact.value for fact in page.facts}["rejected_as_flaky"] == 2


def test_a_reason_is_never_too_long_for_its_plot() -> None:
    page = make_rejections_page({f"validate/{'reason-' * 30}{n}": n + 1 for n in range(40)})
    section = page.sections[0]
    assert section.figure and section.table and len(section.table.rows) == 40
    root = ElementTree.fromstring(section.figure.svg)
    assert max(len(it.text or "") for it in root.iter("text")) < 40


def test_a_page_knows_where_it_is() -> None:
    page = render_page("base.html", title="<T>", active="costs", depth=2)
    assert "<h1>&lt;T&gt;</h1>" in page
    assert '<a href="../../costs.html" aria-current="page">' in page
    assert page.count("aria-current") == 1
    assert '<link rel="stylesheet" href="../../assets/site.css">' in page


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts]
    return sum(weight * it for weight, it in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colors_stand_out_in_both_themes() -> None:
    css = (Path(__file__).parents[2] / "curate/report/assets/site.css").read_text()
    tokens = {
        it[0]: it[1:] for it in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", css)
    }
    assert len(CertificationResult) <= 6  # each has a color of its own
    for theme in (0, 1):
        for name in ("text", "muted", "accent", "good", "warning", "bad"):
            for ground in ("background", "surface"):
                assert contrast(tokens[name][theme], tokens[ground][theme]) >= 4.5, name
        for number in range(1, 7):
            color = tokens[f"series-{number}"][theme]
            assert contrast(color, tokens["background"][theme]) >= 3, (number, theme)
