"""`curate report`: the site that it writes, of stores that have everything, little or nothing."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curate.core.model import CrawlState
from curate.report.navigation import NAVIGATION
from curate.store import Store
from tests.helpers import report_store
from tests.helpers.factories import make_candidate, make_pull
from tests.helpers.report_store import OTHER, REPO, find_broken, read_page
from tests.helpers.terminal import Typed, typed

Report = Callable[..., Typed]
PAGES = [entry.file for entry in NAVIGATION if entry.key != "instances"]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    def run(*options: str, expected: int = 0, **variables: str) -> Typed:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
                patch.delenv(name, raising=False)
            done = typed(("report", *options), tmp_path, variables)
        assert done.returncode == expected, done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of the small store, in the data directory beside which a command is typed."""
    folder = tmp_path_factory.mktemp("site")
    report_store.fill(folder / "data")
    done = typed(("report",), folder, {})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(folder / "data/report/index.html")
    return folder / "data/report"


@pytest.fixture
def filled(tmp_path: Path, report: Report) -> Report:
    report_store.fill(tmp_path / "data")
    return report


def read_files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read_numbers(folder: Path) -> Any:
    return json.loads((folder / "downloads/report.json").read_text(encoding="utf-8"))


def test_the_numbers_are_those_of_the_store(site: Path) -> None:
    numbers = read_numbers(site)
    facts = {key: page["facts"] for key, page in numbers.items()}
    assert facts["overview"] | {"included": 0} == {
        **{"repositories": 2, "pulls": 9, "candidates": 5, "attempted": 4, "verified": 3},
        "included": 0,
    }
    assert facts["funnel"]["undecided"] == 1
    assert facts["environments"]["environments"] == 3
    assert facts["environments"]["sharing_candidates"] == 0.5
    assert facts["quality"]["instances_with_flaky_tests"] == 3
    assert facts["quality"]["test_strength"] == pytest.approx(5 / 6)
    assert facts["quality"]["instances_with_leaks"] == 3
    assert facts["rejections"]["rejected_pulls"] == 3
    assert facts["rejections"]["rejected_candidates"] == 1
    assert facts["certificates"]["certified_instances"] == 2
    assert facts["certificates"]["share_good"] == 0.5


def test_totals_are_those_of_status(site: Path) -> None:
    numbers = read_numbers(site)
    status = typed(("status", "--json"), site.parents[1], {})
    repositories = json.loads(status.stdout)["repositories"]
    hours = sum(one["work_seconds"] for one in repositories.values()) / 3600
    assert numbers["costs"]["facts"]["core_hours"] == pytest.approx(hours)
    by_year = numbers["costs"]["tables"]["costs-by-year"]
    # With what was spent on a pull request that is no candidate any longer.
    assert sum(row["core_hours"] for row in by_year) == pytest.approx(hours)
    months = numbers["funnel"]["tables"]["funnel-by-month"]
    for stage in ("pulls", "candidates", "attempted", "verified"):
        expected = sum(one[stage] for one in repositories.values())
        assert sum(row[stage] for row in months) == expected
    assert [row["month"] for row in months][-1] == "unknown"


def test_layers_that_images_share_count_once(site: Path) -> None:
    table = read_numbers(site)["environments"]["tables"]["layer-bytes"]
    base, instance = table
    assert (base["layers"], base["uses"], base["bytes"]) == (1, 3, 500_000_000)
    assert base["bytes_unshared"] == 1_500_000_000
    assert (instance["layers"], instance["bytes"]) == (3, 9_000_000)


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(site: Path) -> None:
    assert list(find_broken(site)) == []
    for name in PAGES:
        page = read_page(site / name)
        assert page.handlers == []
        assert {*page.refers} <= {*page.ids}
        assert len(page.ids) == len({*page.ids}), name
        assert page.tags.count("main") == page.tags.count("h1") == 1
        assert page.tags.count("svg") == page.tags.count("figcaption") == page.tags.count("desc")
        content = (site / name).read_text(encoding="utf-8")
        assert content.count("aria-current") == 1
        assert "url(http" not in content and "@import" not in content


def test_every_plot_has_its_numbers_beside_it(site: Path) -> None:
    drawn = 0
    for name in PAGES:
        content = (site / name).read_text(encoding="utf-8")
        for figure in content.split("<figure>")[1:]:
            rest = figure.partition("</figure>")[2].lstrip()
            assert rest.startswith("<details>")
            assert "<table>" in rest.partition("</details>")[0]
            drawn += 1
    assert drawn >= 12


def test_what_people_and_tests_wrote_stays_text(site: Path) -> None:
    content = (site / "rejections.html").read_text(encoding="utf-8")
    assert "<script>alert" not in content and "\x1b" not in content
    page = read_page(site / "rejections.html")
    assert page.text.count("<script>alert(1)</script> & red") == 3  # two details and a log
    assert "last line" in page.text and "x" * 301 not in page.text
    assert f"instance.html?id={REPO.replace('/', '__')}-5" in page.links
    assert f"https://github.com/{REPO}/pull/5" in page.links
    with (site / "downloads/drift.csv").open(encoding="utf-8", newline="") as file:
        (drifted,) = csv.DictReader(file)
    assert drifted["detail"] == "'=HYPERLINK(1)"


def test_a_log_that_is_lost_is_told_and_no_error(tmp_path: Path, filled: Report) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "data/curate.sqlite") as database:
        database.execute(
            "DELETE FROM blobs WHERE length(data) > 40 AND key NOT IN (SELECT patch"
            " FROM candidates UNION SELECT test_patch FROM candidates)"
        )
    filled()
    assert "is missing or damaged" in (tmp_path / "data/report/rejections.html").read_text()


def test_the_same_store_gives_the_same_bytes(tmp_path: Path, filled: Report) -> None:
    filled("--output", "one")
    filled("--output", "two")
    assert read_files(tmp_path / "one") == read_files(tmp_path / "two")
    shutil.copytree(tmp_path / "data", tmp_path / "other/data")
    filled("--output", "three", CURATE_DATA_DIR="other/data")
    assert read_files(tmp_path / "one") == read_files(tmp_path / "three")


def test_json_has_the_numbers_and_where_they_are(tmp_path: Path, filled: Report) -> None:
    told = json.loads(filled("--json", "--output", "site").stdout)
    folder = tmp_path / "site"
    assert told["path"] == str(folder / "index.html")
    files = read_files(folder)
    assert told["files"] == len(files)
    assert told["bytes"] == sum(map(len, files.values()))
    assert told["pages"] == sum(name.endswith(".html") for name in files)
    numbers = read_numbers(folder)
    assert numbers and {key: told[key] for key in numbers} == numbers


def test_without_a_store_the_pages_say_so(tmp_path: Path, report: Report) -> None:
    report("--output", "site")
    assert not (tmp_path / "data").exists()
    check_empty(tmp_path / "site", "No pull request has been crawled yet")


def test_an_empty_store_is_told(tmp_path: Path, report: Report) -> None:
    Store(tmp_path / "data").close()
    report("--output", "site")
    check_empty(tmp_path / "site", "No pull request has been crawled yet")


def check_empty(folder: Path, sentence: str) -> None:
    assert list(find_broken(folder)) == []
    pages = {name: read_page(folder / name) for name in PAGES}
    assert [name for name, page in pages.items() if "svg" in page.tags] == []
    assert sentence in pages["index.html"].text and sentence in pages["funnel.html"].text
    for name, page in pages.items():
        assert "yet" in page.text or "Nothing has been rejected" in page.text, name


def test_candidates_without_validations_are_told(tmp_path: Path, report: Report) -> None:
    with Store(tmp_path / "data") as store:
        store.save_page(REPO, [make_pull(7, repo=REPO)], CrawlState())
        store.save_candidate(make_candidate())
    report()
    folder = tmp_path / "data/report"
    assert list(find_broken(folder)) == []
    pages = {name: read_page(folder / name) for name in PAGES}
    assert [name for name, page in pages.items() if "svg" in page.tags] == ["funnel.html"]
    assert "No candidate has been validated yet" in pages["costs.html"].text
    assert "No candidate has been verified yet" in pages["index.html"].text


def test_a_store_of_one_instance_has_all_pages(tmp_path: Path, report: Report) -> None:
    from tests.helpers.factories import make_validation

    with Store(tmp_path / "data") as store:
        store.save_page(REPO, [make_pull(7, repo=REPO)], CrawlState())
        store.save_candidate(make_candidate())
        store.save_validation(REPO, make_validation())
    report()
    folder = tmp_path / "data/report"
    assert list(find_broken(folder)) == []
    assert read_numbers(folder)["overview"]["facts"]["verified"] == 1
    for name in ("index.html", "funnel.html", "costs.html", "environments.html", "quality.html"):
        assert "svg" in read_page(folder / name).tags, name
    assert "No size of a layer is known" in read_page(folder / "environments.html").text


def test_the_next_report_replaces_the_last(tmp_path: Path, filled: Report) -> None:
    filled()
    folder = tmp_path / "data/report"
    (folder / "old.html").write_text("of an earlier version")
    filled()
    assert not (folder / "old.html").exists()
    assert sorted(it.name for it in folder.parent.iterdir() if "report" in it.name) == ["report"]


@pytest.mark.parametrize("kind", ["file", "full", "name", "link"])
def test_what_is_no_report_is_not_replaced(tmp_path: Path, filled: Report, kind: str) -> None:
    output = tmp_path / ("site.csv" if kind == "name" else "site")
    if kind == "file":
        output.write_text("mine")
    elif kind == "full":
        output.mkdir()
        (output / "index.html").write_text("mine")
    elif kind == "link":
        output.symlink_to(tmp_path / "nowhere")
    done = filled("--output", str(output), expected=2)
    assert str(output) in done.stderr and "Hint:" in done.stderr
    if kind == "file":
        assert output.read_text() == "mine"
    elif kind == "full":
        assert [it.name for it in output.iterdir()] == ["index.html"]


def test_an_empty_folder_is_taken(tmp_path: Path, filled: Report) -> None:
    (tmp_path / "site").mkdir()
    filled("--output", "site")
    assert (tmp_path / "site/index.html").is_file()


DIE = """
import os, sys
from curate.report import write
render = write.render_page
def die(template, **values):
    if values["active"] == "quality":
        os.kill(os.getpid(), 9)
    return render(template, **values)
write.render_page = die
from curate.__main__ import main
sys.argv = ["curate", "report"]
main()
"""


def test_a_killed_process_leaves_the_old_site(tmp_path: Path, filled: Report) -> None:
    filled()
    folder = tmp_path / "data/report"
    before = read_files(folder)
    with Store(tmp_path / "data") as store:
        store.save_page(OTHER, [make_pull(2, repo=OTHER)], CrawlState())
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", DIE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -9, killed.stderr
    assert read_files(folder) == before
    assert len(list(folder.parent.glob(".report.*"))) == 1
    filled()
    assert read_numbers(folder)["overview"]["facts"]["pulls"] == 10
    assert list(folder.parent.glob(".report.*")) == []


def test_open_shows_it_in_the_browser_of_the_user(tmp_path: Path, filled: Report) -> None:
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n')
    browser.chmod(0o755)
    done = filled("--open", "--output", "a site", BROWSER=f"{browser} %s")
    assert opened.read_text() == (tmp_path / "a site/index.html").as_uri()
    assert "no display" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_open_without_a_display_says_so(filled: Report) -> None:
    done = filled("--open")
    assert "There is no display" in done.stderr and "index.html" in done.stdout
