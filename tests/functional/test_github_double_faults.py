"""Each fault as a client sees it."""

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.doubles.github import Fault, GitHubDouble, Kind, World
from tests.doubles.github.faults import larger_than
from tests.doubles.github.samples import sample_repository

QUERY = """query Page($first: Int!) { repository(owner: "owner", name: "name") {
  pullRequests(first: $first) { nodes { number title } } } }"""


def served(*faults: Fault, **options: Any) -> GitHubDouble:
    world = World(sample_repository("owner/name", 5))
    return GitHubDouble(world, faults=faults, **options)


def ask(
    double: GitHubDouble, first: int = 3, token: str = "t", timeout: float = 10.0
) -> tuple[int, Any, bytes]:
    """Status, headers and raw body."""
    body = json.dumps({"query": QUERY, "variables": {"first": first}}).encode()
    headers = {"authorization": f"bearer {token}"}
    request = urllib.request.Request(f"{double.url}/graphql", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_errors_hit_the_request_they_are_planned_for(status: int) -> None:
    with served(Fault(kind=Kind.ERROR, at=(1,), status=status)) as double:
        assert [ask(double)[0] for _ in range(3)] == [200, status, 200]
    assert [it.fault for it in double.requests] == ["", "error", ""]
    assert double.points == 2


def test_only_large_pages_fail() -> None:
    with served(Fault(kind=Kind.ERROR, when=larger_than(50))) as double:
        assert [ask(double, first=size)[0] for size in (100, 51, 50, 100)] == [502, 502, 200, 502]


def test_a_fault_happens_as_often_as_planned() -> None:
    with served(Fault(kind=Kind.ERROR, times=2)) as double:
        assert [ask(double)[0] for _ in range(4)] == [502, 502, 200, 200]


def test_the_first_fault_that_matches_wins() -> None:
    faults = Fault(kind=Kind.TOO_MANY, times=1), Fault(kind=Kind.ERROR, at=range(2))
    with served(*faults) as double:
        assert [ask(double)[0] for _ in range(3)] == [429, 502, 200]


def test_a_timeout_is_longer_than_the_client_waits() -> None:
    with served(Fault(kind=Kind.TIMEOUT, seconds=30)) as double, pytest.raises(TimeoutError):
        ask(double, timeout=0.2)


def test_a_timeout_that_is_waited_for_ends_in_a_504() -> None:
    with served(Fault(kind=Kind.TIMEOUT, seconds=0.1)) as double:
        status, _, body = ask(double)
    assert status == 504
    assert "in time" in json.loads(body)["message"]


def test_a_connection_is_dropped_in_the_middle_of_the_body() -> None:
    with (
        served(Fault(kind=Kind.DROP, times=1)) as double,
        pytest.raises(http.client.IncompleteRead),
    ):
        ask(double)


def test_a_connection_is_closed_without_an_answer() -> None:
    with served(Fault(kind=Kind.REFUSE, times=1)) as double:
        with pytest.raises((http.client.RemoteDisconnected, urllib.error.URLError)):
            ask(double)
        assert ask(double)[0] == 200


def test_truncated_json_is_a_complete_answer() -> None:
    with served(Fault(kind=Kind.TRUNCATE)) as double:
        status, _, body = ask(double)
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_partial_data_lacks_the_last_node_and_says_where() -> None:
    with served(Fault(kind=Kind.PARTIAL)) as double:
        status, _, body = ask(double)
    answer = json.loads(body)
    nodes = answer["data"]["repository"]["pullRequests"]["nodes"]
    assert status == 200
    assert [it and it["number"] for it in nodes] == [2, 4, None]
    assert answer["errors"][0]["path"] == ["repository", "pullRequests", "nodes", 2]


def test_rate_limited_in_a_200_tells_the_reset() -> None:
    with served(Fault(kind=Kind.RATE_LIMITED, times=1, seconds=5)) as double:
        status, headers, body = ask(double)
    assert status == 200
    assert json.loads(body)["errors"][0]["type"] == "RATE_LIMITED"
    assert headers["x-ratelimit-remaining"] == "0"
    assert 4 <= int(headers["x-ratelimit-reset"]) - time.time() <= 7
    assert double.points == 0


@pytest.mark.parametrize(
    ("kind", "status", "after", "words"),
    [
        (Kind.FORBIDDEN, 403, None, "API rate limit exceeded"),
        (Kind.SECONDARY, 403, 7, "secondary rate limit"),
        (Kind.SECONDARY, 403, None, "secondary rate limit"),
        (Kind.TOO_MANY, 429, 7, "secondary rate limit"),
        (Kind.TOO_MANY, 429, None, "secondary rate limit"),
        (Kind.REVOKED, 401, None, "Bad credentials"),
    ],
)
def test_limits_by_status(kind: Kind, status: int, after: int | None, words: str) -> None:
    with served(Fault(kind=kind, retry_after=after)) as double:
        got, headers, body = ask(double)
    assert got == status
    assert words in json.loads(body)["message"]
    assert headers["retry-after"] == (None if after is None else str(after))
    assert (headers["x-ratelimit-remaining"] == "0") == (kind is Kind.FORBIDDEN)


def test_a_page_for_people() -> None:
    with served(Fault(kind=Kind.HTML, status=200)) as double:
        status, headers, body = ask(double)
    assert (status, headers.get_content_type()) == (200, "text/html")
    assert body.startswith(b"<html>")


def test_one_token_is_revoked_from_a_request_on() -> None:
    fault = Fault(kind=Kind.REVOKED, at=range(2, 10**9), token="a")
    with served(fault, token=("a", "b")) as double:
        tokens = ["a", "b", "a", "b", "a"]
        assert [ask(double, token=it)[0] for it in tokens] == [200, 200, 401, 200, 401]


def test_latency_comes_before_every_answer() -> None:
    with served(latency=1) as double, pytest.raises(TimeoutError):
        ask(double, timeout=0.1)
