"""axe-core finds nothing to complain of, on any kind of page, in either theme."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Watched
from tests.helpers.browsed_store import EXCLUDED, HOSTILE, REJECTED, VERIFIED

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
