"""`curate report serve` as a browser, and a stranger's page in it, meet it."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from curate.store import Store
from tests.browser.conftest import Watched
from tests.helpers.browsed_store import HOSTILE, REJECTED, VERIFIED, make_browsed_store
from tests.helpers.factories import make_candidate


@dataclass(frozen=True)
class Served:
    """A server of a store."""

    url: str
    data: Path
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("served") / "data"
    make_browsed_store(data, fillers=20)
    command = [sys.executable, "-m", "curate", "--data-dir", str(data), "report", "serve"]
    with subprocess.Popen(
        [*command, "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "}\n")
        url = json.loads("".join(lines) + "}")["url"]
        yield Served(url, data, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in {0, 130}


def _get(url: str, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_list_grows_with_the_store_and_pages_are_made_on_request(
    watched: Watched, served: Served
) -> None:
    page = watched.page
    page.goto(served.url)
    expect(page.locator("#count")).to_have_text("24 candidates")
    page.get_by_role("link", name=VERIFIED).click()
    expect(page.locator(".verdict .state")).to_have_text("verified")
    with Store(served.data) as store:
        store.save_candidate(make_candidate(11))
    page.goto(f"{served.url}/instances.html")
    expect(page.locator("#count")).to_have_text("25 candidates")
    page.get_by_role("link", name="owner__name-11").click()
    expect(page.locator(".verdict .state")).to_have_text("pending")


def test_hostile_texts_do_nothing_there_either(watched: Watched, served: Served) -> None:
    page = watched.page
    page.goto(f"{served.url}/instance.html?id={HOSTILE}")
    page.wait_for_selector("#statement")
    assert page.evaluate("window.wasRun") is None


def test_only_requests_to_its_own_address_are_answered(served: Served) -> None:
    rows = f"{served.url}/data/rows-000.js"
    assert _get(rows)[0] == 200
    assert _get(rows, Host="rebound.example") == (403, "Forbidden\n")
    cross = {"Sec_Fetch_Site": "cross-site"}
    assert _get(rows, **cross, Sec_Fetch_Mode="no-cors")[0] == 403
    page = f"{served.url}/instance.html?id={REJECTED}"
    assert _get(page, **cross, Sec_Fetch_Mode="navigate")[0] == 200  # a link that leads here


@pytest.mark.parametrize(
    "path",
    [
        "/../curate.sqlite",
        "/%2e%2e/curate.sqlite",
        "/assets/../../store/store.py",
        "/assets/%2e%2e%2fsite.py",
        "//etc/passwd",
        "/data/rows-999.js",
        "/instance.html?id=<script>alert(1)</script>",
        "/%00",
        "/instance.html",
    ],
)
def test_nothing_else_is_served(served: Served, path: str) -> None:
    status, text = _get(served.url + path.replace("<", "%3C").replace(">", "%3E"))
    assert status == 404
    assert "<script>alert" not in text


def test_a_report_beside_the_store_is_served_with_it(served: Served) -> None:
    report = served.data / "report"
    report.mkdir()
    (report / "index.html").write_text("the overview")
    (report / "secret").symlink_to(served.data / "curate.sqlite")
    assert _get(served.url) == (200, "the overview")
    assert _get(f"{served.url}/secret")[0] == 404
