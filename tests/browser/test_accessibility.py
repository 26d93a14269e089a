"""axe-core finds nothing to complain of, on any kind of page, in either theme."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from curate.report.navigation import NAVIGATION
from tests.browser.conftest import Watched
from tests.helpers.browsed_store import EXCLUDED, HOSTILE, REJECTED, VERIFIED
from tests.helpers.report_store import fill
from tests.helpers.terminal import typed

# It would fetch the stylesheets, which a page from a file may not.
OPTIONS = {"resultTypes": ["violations"], "preload": False}
PAGES = ["", VERIFIED, REJECTED, EXCLUDED, HOSTILE, "second__project-1"]  # "" = the list


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_violations(watched: Watched, name: str, theme: str) -> None:
    page = watched.page
    page.emulate_media(color_scheme="light" if theme == "light" else "dark")
    if name:
        watched.open_instance(name)
        for summary in page.locator("#instance summary").all():
            summary.click()
    else:
        watched.open_list()
    results = Axe().run(page, options=OPTIONS)
    assert results.violations_count == 0, results.generate_report()
    watched.keep(f"axe-{name or 'list'}-{theme}")


def test_the_theme_of_the_button_is_kept_from_page_to_page(watched: Watched) -> None:
    page = watched.open_list()
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.click("#theme-toggle")
    page.click("#theme-toggle")
    dark = page.evaluate(background)
    assert dark != light
    watched.open_instance(VERIFIED)
    assert page.evaluate(background) == dark


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report as `curate report` writes it."""
    folder = tmp_path_factory.mktemp("report")
    fill(folder / "data")
    done = typed(("report",), folder, {})
    assert done.returncode == 0, done.stderr
    return folder / "data" / "report"


@pytest.mark.parametrize("name", [entry.file for entry in NAVIGATION])
def test_no_violations_on_the_pages_of_the_report(
    watched: Watched, report: Path, name: str
) -> None:
    page = watched.page
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme="light" if theme == "light" else "dark")
        page.goto((report / name).as_uri())
        results = Axe().run(page, options=OPTIONS)
        assert results.violations_count == 0, results.generate_report()
        watched.keep(f"report-{name.removesuffix('.html')}-{theme}")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    watched.keep(f"report-{name.removesuffix('.html')}-360")
