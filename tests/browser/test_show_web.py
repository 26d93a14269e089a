"""`curate show ID --web`: which page it opens, and that a page alone needs nothing else."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import expect

from tests.browser.conftest import Watched
from tests.helpers.browsed_store import EXCLUDED, HOSTILE, REJECTED, make_browsed_store, write_site


def _show(data: Path, *names: str) -> list[str]:
    command = [sys.executable, "-m", "curate", "--data-dir", str(data), "show", "--web", *names]
    variables = {"PATH": "/usr/bin:/bin", "TMPDIR": str(data.parent), "HOME": str(data.parent)}
    found = subprocess.run(command, capture_output=True, text=True, env=variables, check=True)
    assert "There is no display" in found.stderr
    return found.stdout.splitlines()


def test_without_a_report_it_is_a_file_that_is_complete(watched: Watched, tmp_path: Path) -> None:
    make_browsed_store(tmp_path / "data", fillers=1)
    places = _show(tmp_path / "data", EXCLUDED, HOSTILE)
    for place, state in zip(places, ("excluded", "pending"), strict=True):
        alone = tmp_path / "moved" / "page.html"
        alone.parent.mkdir(exist_ok=True)
        Path(place).rename(alone)
        watched.page.goto(alone.as_uri())
        expect(watched.page.locator(".verdict .state")).to_have_text(state)
        assert watched.page.evaluate("document.scripts.length") == 0
        assert watched.page.locator("[src], [href='instance.html']").count() == 0
        watched.keep(f"alone-{state}")


def test_a_report_that_has_it_is_opened_there_until_it_is_older(
    watched: Watched, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    make_browsed_store(data, fillers=1)
    write_site(data, data / "report")
    (place,) = _show(data, REJECTED)
    assert place == f"{(data / 'report' / 'instance.html').as_uri()}?id={REJECTED}"
    watched.page.goto(place)
    expect(watched.page.locator(".verdict .state")).to_have_text("rejected")
    index = data / "report" / "data" / "details-index.js"
    index.write_text("const curateDetailsIndex = [];\n")
    (place,) = _show(data, REJECTED)
    assert Path(unquote(urlsplit(place).path)).parent.name.startswith("curate-show-")
