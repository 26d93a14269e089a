"""Pages in a real Chromium: one browser for all tests, which fail if a page does what it must not.

Skipped only where there is no Chromium (`.ci/browser` installs it). CURATE_SCREENSHOTS names a
folder that keeps screenshots.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.helpers.browsed_store import make_browsed_store, write_site

_COMPLAINTS = {"error", "warning"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_itemcollected(item: pytest.Item) -> None:
    """One worker has them all, and one browser."""
    item.add_marker(pytest.mark.xdist_group("browser"))


@dataclass(kw_only=True)
class Watched:
    """A page, and everything about it that would be wrong."""

    page: Page
    folder: Path  # of the site
    screenshots: Path
    problems: list[str] = field(default_factory=list)

    def open(self, name: str) -> Page:
        """Open a page of the site from its file."""
        self.page.goto(f"{self.folder.as_uri()}/{name}")
        return self.page

    def open_list(self, fragment: str = "") -> Page:
        page = self.open(f"instances.html{fragment}")
        page.wait_for_selector("#body")
        return page

    def open_instance(self, instance: str) -> Page:
        page = self.open(f"instance.html?id={instance}")
        page.wait_for_selector("#statement")
        return page

    def keep(self, name: str) -> None:
        """Keep a screenshot of the whole page."""
        self.page.screenshot(path=self.screenshots / f"{name}.png", full_page=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium (see .ci/browser)")
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browsed_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("browsed") / "data"
    make_browsed_store(data)
    return data


@pytest.fixture(scope="session")
def site(browsed_data: Path) -> Path:
    folder = browsed_data.parent / "a site"
    write_site(browsed_data, folder)
    return folder


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("CURATE_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def watched(chromium: Browser, site: Path, screenshots: Path) -> Iterator[Watched]:
    """A page; in the end it must have printed no error, asked nothing and loaded only its files."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    watched = Watched(page=page, folder=site, screenshots=screenshots)
    problems = watched.problems

    def check_request(request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:")):
            problems.append(f"requested {request.url}")

    def refuse_dialog(dialog: object) -> None:
        problems.append("a dialog was opened")
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("console", lambda it: problems.append(it.text) if it.type in _COMPLAINTS else None)
    page.on("pageerror", lambda it: problems.append(str(it)))
    page.on("dialog", refuse_dialog)
    context.on("request", check_request)
    context.on("page", lambda it: problems.append("a window was opened") if it != page else None)
    yield watched
    context.close()
    assert problems == []
