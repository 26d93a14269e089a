import logging

import pytest

from curate.cli.waiting import CrawlProgress
from curate.github.client import GitHubClient


def test_a_wait_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with CrawlProgress() as display:
        display.start_repository("owner/name", GitHubClient(None))
        for left in range(90, 0, -1):
            display.show_wait(float(left), "rate limit")
        display.show_wait(2.0, "server trouble")
        display.show_wait(600.0, "rate limit")
    assert [line.split(" for")[0] for line in caplog.messages] == ["Waiting 1:30", "Waiting 10:00"]


def test_what_is_shown_of_a_crawl() -> None:
    client = GitHubClient(None)
    display = CrawlProgress()
    display.start_repository("owner/name", client)
    client.requests = 7
    display.update_phase("candidates", 3, 10)
    display.update_phase("decisions", 5, 10)
    shown = display.describe()
    assert (shown.done, shown.total) == (5, 10)
    assert list(shown.lines) == [
        "owner/name: decisions",
        "3 candidates · 7 requests · ? points left",
    ]
    display.show_wait(61.0, "rate limit")
    assert "waiting 1:01 (rate limit)" in display.describe().lines[0]
