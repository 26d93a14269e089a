import pytest

from curate.cli.waiting import CrawlDisplay
from curate.github.client import GitHubClient


def test_a_wait_is_told_once_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with CrawlDisplay() as display:
        display.begin("owner/name", GitHubClient(None))
        for left in range(90, 0, -1):
            display.waiting(float(left), "rate limit")
        display.waiting(2.0, "server trouble")
        display.waiting(600.0, "rate limit")
    lines = [line for line in capsys.readouterr().err.splitlines() if "Waiting" in line]
    assert [line.split(" for")[0] for line in lines] == ["Waiting 1:30", "Waiting 10:00"]


def test_what_is_shown_of_a_crawl(capsys: pytest.CaptureFixture[str]) -> None:
    client = GitHubClient(None)
    with CrawlDisplay() as display:
        display.begin("owner/name", client)
        client.requests = 7
        display.step("candidates", 3, 10)
        display.step("decisions", 5, 10)
        (shown,) = [task.description for task in display._bars.tasks]
    assert shown == "owner/name: decisions · 3 candidates · 7 requests · ? points left"
