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


def test_what_is_shown_of_a_crawl(capsys: pytest.CaptureFixture[str]) -> None:
    client = GitHubClient(None)
    with CrawlProgress() as display:
        display.start_repository("owner/name", client)
        client.requests = 7
        display.update_phase("candidates", 3, 10)
        display.update_phase("decisions", 5, 10)
        (shown,) = [task.description for task in display._bars.tasks]
    assert shown == "owner/name: decisions · 3 candidates · 7 requests · ? points left"
