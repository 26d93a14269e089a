"""The client, the pager and the issue batches against the double: real HTTP, real queries."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from curate.core.errors import (
    AuthenticationError,
    ConfigurationError,
    CurateError,
    NetworkError,
    NotFoundError,
)
from curate.core.model import IssueRef
from curate.github.client import GitHubClient
from curate.github.connection import CONNECT_SECONDS
from curate.github.issues import IS_PULL_REQUEST, NOT_FOUND, IssueBatch, fetch_issues
from curate.github.page_size import AdaptivePageSize
from curate.github.pulls import fetch_pull_pages
from curate.github.retry import (
    FirstContactError,
    MalformedAnswerError,
    NoAnswerError,
    RetryPolicy,
    TransientError,
)
from tests.doubles.github.data import World
from tests.doubles.github.faults import Asked, Fault, Kind
from tests.doubles.github.ledger import Ledger
from tests.doubles.github.samples import (
    sample_comment,
    sample_issue,
    sample_pull,
    sample_repository,
    stamp,
)
from tests.doubles.github.server import GitHubDouble

REPO = "Some/Thing"
TOKEN = "ghp_" + "b" * 36


def client_of(double: GitHubDouble, token: str | None = TOKEN, timeout: float = 30) -> GitHubClient:
    waits = RetryPolicy(sleep=lambda seconds: None)
    return GitHubClient(token, double.url, policy=waits, timeout=timeout)


def numbers(client: GitHubClient, **options: object) -> list[int]:
    pages = fetch_pull_pages(client, REPO, **options)  # type: ignore[arg-type]
    return [pull.number for page in pages for pull in page.pulls]


def fetched(
    client: GitHubClient, wanted: list[IssueRef], size: AdaptivePageSize | None = None
) -> IssueBatch:
    batches = list(fetch_issues(client, wanted, size=size))
    return IssueBatch(
        issues=tuple(issue for batch in batches for issue in batch.issues),
        missing={key: why for batch in batches for key, why in batch.missing.items()},
    )


@pytest.fixture
def world() -> World:
    return World(sample_repository(REPO, 230))


EVERY = list(range(2, 461, 2))


def test_all_merged_pulls_by_creation(world: World) -> None:
    world[REPO].pulls[500] = sample_pull(500, state="OPEN", mergedAt=None, mergeCommit=None)
    with GitHubDouble(world) as double:
        client = client_of(double)
        assert numbers(client) == EVERY
        assert client.requests == len(double.graphql_requests) == 3
        assert client.points == double.points <= 6


def test_newest_updates_first(world: World) -> None:
    world[REPO].pulls[8]["updatedAt"] = stamp(10**5)
    with GitHubDouble(world) as double:
        found = numbers(client_of(double), newest_first=True)
    assert found[:3] == [8, 460, 458]


def test_what_a_pull_says(world: World) -> None:
    world[REPO].pulls[2] |= {
        "title": "T",
        "body": "B",
        "author": None,
        "mergeCommit": None,
        "closing": [{"repo": REPO, "number": 1}],
    }
    with GitHubDouble(world) as double:
        page = next(fetch_pull_pages(client_of(double), REPO.lower()))
    first = page.pulls[0]
    assert (first.number, first.title, first.body, first.author) == (2, "T", "B", "")
    assert first.merge_commit is None
    assert first.closing == (IssueRef(repo=REPO.lower(), number=1),)
    assert first.updated_at.tzinfo is not None
    assert (page.total_count, page.has_next_page) == (230, True)


@pytest.mark.parametrize(
    "kind",
    [Kind.ERROR, Kind.HTML, Kind.REFUSE, Kind.DROP, Kind.TRUNCATE, Kind.PARTIAL],
)
def test_trouble_is_asked_again_with_smaller_pages(world: World, kind: Kind) -> None:
    with GitHubDouble(world, faults=[Fault(kind=kind, at=(1, 2))]) as double:
        assert numbers(client_of(double)) == EVERY
        sizes = [(it.variables or {})["size"] for it in double.graphql_requests]
    assert sizes[:4] == [100, 100, 50, 25]
    assert max(sizes[4:]) > 25


def _more_than_five(asked: Asked) -> bool:
    return bool(asked.variables["size"] > 5)


def test_pages_shrink_no_further_than_five(world: World) -> None:
    with GitHubDouble(world, faults=[Fault(kind=Kind.ERROR, when=_more_than_five)]) as double:
        assert numbers(client_of(double)) == EVERY
        assert min((it.variables or {})["size"] for it in double.graphql_requests) == 5


def test_a_server_that_stays_broken_ends_in_an_error(world: World) -> None:
    with GitHubDouble(world, faults=[Fault(kind=Kind.ERROR)]) as double:
        with pytest.raises(NetworkError):
            numbers(client_of(double))
        assert 3 <= len(double.graphql_requests) <= 10


def test_a_silent_server_is_given_up(world: World) -> None:
    with GitHubDouble(world, faults=[Fault(kind=Kind.TIMEOUT, seconds=30, at=(0,))]) as double:
        assert numbers(client_of(double, timeout=1)) == EVERY


@pytest.mark.parametrize("kind", [Kind.RATE_LIMITED, Kind.FORBIDDEN, Kind.SECONDARY, Kind.TOO_MANY])
def test_limits_are_waited_for_with_the_same_page(world: World, kind: Kind) -> None:
    waited: list[float] = []
    policy = RetryPolicy(sleep=waited.append, on_wait=lambda left, why: None, initial_backoff=0.0)
    faults = [Fault(kind=kind, at=(1,), seconds=20, retry_after=20)]
    with GitHubDouble(world, faults=faults) as double:
        client = GitHubClient(TOKEN, double.url, policy=policy)
        assert numbers(client) == EVERY
        assert [(it.variables or {})["size"] for it in double.graphql_requests] == [100] * 4
    assert 19 <= sum(waited) <= 23


@pytest.mark.parametrize(("token", "good"), [("wrong", TOKEN), (None, TOKEN)])
def test_a_token_that_is_refused(world: World, token: str | None, good: str) -> None:
    with GitHubDouble(world, token=good) as double:
        with pytest.raises(AuthenticationError):
            numbers(client_of(double, token))
        assert len(double.graphql_requests) <= 1


def test_repository_that_is_not_there(world: World) -> None:
    with GitHubDouble(world) as double:
        with pytest.raises(NotFoundError):
            next(fetch_pull_pages(client_of(double), "some/other"))
        assert len(double.graphql_requests) == 1
        with pytest.raises(ConfigurationError):
            next(fetch_pull_pages(client_of(double), "thing"))


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_the_token_is_never_told(
    world: World, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    caplog.set_level(level)
    revoked = Fault(kind=Kind.REVOKED)
    with (
        GitHubDouble(world, faults=[revoked]) as double,
        pytest.raises(AuthenticationError) as refused,
    ):
        numbers(client_of(double))
    assert TOKEN not in caplog.text + str(refused.value) + repr(refused.value.__dict__)


@pytest.fixture
def issues_world() -> Iterator[World]:
    mine = sample_repository(REPO, 60)
    mine.issues[1001] = sample_issue(
        1001, body="", author=None, comments=[sample_comment(n, f"c{n}") for n in range(250)]
    )
    yield World(mine, sample_repository("other/one", 3))


def test_issues_in_batches(issues_world: World) -> None:
    wanted = [IssueRef(repo=REPO, number=n) for n in range(1, 120, 2)]
    wanted += [IssueRef(repo="other/one", number=1), IssueRef(repo=REPO, number=2)]
    wanted += [IssueRef(repo=REPO, number=99999), IssueRef(repo="no/where", number=1)]
    with GitHubDouble(issues_world) as double:
        batch = fetched(client_of(double), [*wanted, wanted[0]], AdaptivePageSize(50))
        assert len(double.graphql_requests) == 2
    assert len(batch.issues) == 61
    assert batch.missing == {
        (REPO, 2): IS_PULL_REQUEST,
        (REPO, 99999): NOT_FOUND,
        ("no/where", 1): NOT_FOUND,
    }


def test_every_comment_comes_along(issues_world: World) -> None:
    with GitHubDouble(issues_world) as double:
        batch = fetched(client_of(double), [IssueRef(repo=REPO, number=1001)])
    (issue,) = batch.issues
    assert [comment.body for comment in issue.comments] == [f"c{n}" for n in range(250)]
    assert issue.body == ""


def test_issue_batches_shrink(issues_world: World) -> None:
    wanted = [IssueRef(repo=REPO, number=n) for n in range(1, 120, 2)]
    heavy = Fault(kind=Kind.ERROR, when=lambda asked: asked.query.count("issueOrPullRequest(") > 10)
    with GitHubDouble(issues_world, faults=[heavy]) as double:
        assert len(fetched(client_of(double), wanted).issues) == 60


def test_sizes_halve_and_double_within_bounds() -> None:
    size = AdaptivePageSize(100, smallest=5, successes_to_grow=2)
    seen = []
    for step in "fffffffssssssssssssss":
        size.shrink() if step == "f" else size.record_success()
        seen.append(size.value)
    assert seen[:7] == [50, 25, 12, 6, 5, 5, 5]
    assert seen[-1] == 100
    assert seen[8] == 10


@pytest.mark.parametrize(
    ("api_url", "sentence"),
    [
        ("http://127.0.0.1:1", "No connection to 127.0.0.1:1: Connection refused."),
        ("http://user:secret@127.0.0.1:1/api/v3", "No connection to 127.0.0.1:1: "),
        ("https://no-such-host.invalid", "The host no-such-host.invalid is not found."),
    ],
)
def test_an_address_where_nobody_listens(api_url: str, sentence: str) -> None:
    client = GitHubClient("t", api_url, policy=RetryPolicy(sleep=lambda s: None))
    with pytest.raises(NetworkError) as raised:
        numbers(client)
    assert str(raised.value).startswith(sentence)
    assert "github_api_url" in raised.value.hint
    assert client.requests <= 3


@pytest.mark.parametrize(("status", "code"), [(200, 6), (302, 6), (403, 6), (404, 4), (501, 6)])
def test_an_address_of_another_server_is_told_soon(world: World, status: int, code: int) -> None:
    with GitHubDouble(world, faults=[Fault(kind=Kind.HTML, status=status)]) as double:
        with pytest.raises(CurateError) as raised:
            numbers(client_of(double))
        assert len(double.requests) <= 3
    assert (raised.value.exit_code, "github_api_url" in raised.value.hint) == (code, True)
    assert double.url.removeprefix("http://") in str(raised.value)


def test_what_github_breaks_after_it_was_reached_is_retried_longer(world: World) -> None:
    with GitHubDouble(world, faults=[Fault(kind=Kind.HTML, status=200, at=range(1, 7))]) as double:
        assert numbers(client_of(double)) == EVERY


def test_a_server_that_accepts_and_is_silent_is_given_up(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    waits: list[str] = []
    policy = RetryPolicy(sleep=lambda s: None, on_wait=lambda left, why: waits.append(why))
    with GitHubDouble(world, faults=[Fault(kind=Kind.TIMEOUT, seconds=30)]) as double:
        client = GitHubClient(TOKEN, double.url, policy=policy, timeout=0.1)
        with pytest.raises(NetworkError, match="does not answer"):
            numbers(client)
    assert (client.requests, set(waits)) == (3, {"GitHub 5xx or connection error"})
    assert [line[-18:] for line in caplog.messages] == ["Attempt 2 follows.", "Attempt 3 follows."]


def test_retries_of_one_request_take_two_minutes_at_most() -> None:
    for kind in (TransientError, NoAnswerError, MalformedAnswerError, FirstContactError):
        longest = 0.0 if kind is FirstContactError else 40.0  # of the last attempt
        assert kind.max_seconds + longest <= 120
    assert FirstContactError.max_seconds + CONNECT_SECONDS < 10


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("absolute", [True, False])
def test_redirects_on_the_same_host_are_followed(
    world: World, status: int, *, absolute: bool
) -> None:
    with GitHubDouble(world) as double:
        site = double.url if absolute else ""
        double.redirects["/old/graphql"] = status, f"{site}/graphql"
        double.redirects["/old/repos/Some/Thing/contributors"] = status, f"{site}/repositories/1"
        double.redirects["/repositories/1"] = status, f"{site}/repos/{REPO}/contributors?anon=true"
        client = GitHubClient(TOKEN, f"{double.url}/old")
        assert numbers(client) == EVERY
        assert client.get("repos/Some/Thing/contributors", {}).status == 200
        assert {request.token for request in double.requests} == {TOKEN}


def test_no_token_goes_to_the_host_of_a_redirect(world: World) -> None:
    with GitHubDouble(world) as first, GitHubDouble(world) as other:
        first.redirects["/graphql"] = 307, f"{other.url}/graphql"
        with pytest.raises(NetworkError, match="another host") as raised:
            numbers(client_of(first))
        assert (other.requests, len(first.requests)) == ([], 1)
        first.redirects["/graphql"] = 301, "/graphql"
        with pytest.raises(NetworkError, match="without end"):
            numbers(client_of(first))
    assert "github_api_url" in raised.value.hint


def test_a_netrc_file_does_not_replace_the_token(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with GitHubDouble(world) as double:
        assert numbers(client_of(double)) == numbers(client_of(double, token=None)) == EVERY
    assert {request.token for request in double.requests} == {TOKEN, ""}


def test_threads_get_their_own_answers_with_their_own_tokens(world: World) -> None:
    tokens = [TOKEN, f"{TOKEN}c"]
    with GitHubDouble(world, token=tokens) as double, ThreadPoolExecutor(8) as threads:
        client = GitHubClient(tokens, double.url)
        path = f"repos/{REPO}/contributors"
        listed = [threads.submit(client.get, path, {"per_page": 1}) for _ in range(16)]
        found = list(threads.map(numbers, [client] * 8))
    assert found == [EVERY] * 8
    assert {it.result().status for it in listed} == {200}


@pytest.mark.parametrize("number", ["", "many", "nan", "inf", "-1", "4999.5"])
def test_rate_limit_headers_that_are_no_numbers_are_passed_over(
    world: World, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("limit", "remaining", "reset")
    headers = {f"x-ratelimit-{name}": number for name in names} | {"x-oauth-scopes": ""}
    monkeypatch.setattr(Ledger, "headers", lambda self: headers)
    with GitHubDouble(world) as double:
        assert numbers(client_of(double)) == EVERY


def test_an_answer_that_is_not_ready_is_asked_for_a_few_times(world: World) -> None:
    path = f"repos/{REPO}/contributors"
    with GitHubDouble(world) as double:
        double.refusals[f"/{path}"] = 202, "in progress"
        with pytest.raises(NetworkError, match="not finished"):
            client_of(double).get(path, {})
        assert len(double.requests) <= 10
