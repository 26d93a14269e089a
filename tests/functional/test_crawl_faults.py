"""Whatever GitHub does, a crawl ends right or with one clear error, and loses nothing."""

from pathlib import Path
from typing import Any

import pytest

from curate.core.errors import CurateError, describe_error
from curate.store.store import Store
from tests.doubles.github.faults import Asked, Fault, Kind
from tests.doubles.github.server import GitHubDouble
from tests.helpers.crawling import REPO, FakeClock, ServedProject, build_served_project
from tests.helpers.store_snapshot import content

SECRETS = ("ghp_" + "a" * 36, "ghp_" + "b" * 36, "ghp_" + "c" * 36)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ServedProject:
    return build_served_project(tmp_path_factory.mktemp("project"), fit=8, unfit=112)


@pytest.fixture(scope="module")
def expected(built: ServedProject, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("undisturbed")
    with GitHubDouble(built.world) as double:
        summary = built.crawl(folder, double)
        assert len(double.graphql_requests) == 6  # 2 pages, references, issues, comments twice
    assert (summary.pulls, summary.candidates) == (120, 8)
    with Store(folder) as store:
        issue = store.get_issue(REPO, 1002)
        made = store.get_candidate("some-owner__thing-2")
    assert not isinstance(issue, str | None)
    assert len(issue.comments) == 230
    assert made is not None
    assert len(made.issue_numbers) == 25
    return content(folder)


def large(asked: Asked) -> bool:
    """What GitHub fails on: more than 40 pulls or 10 details at once."""
    return asked.variables.get("size", 0) > 40 or asked.query.count("number:") > 10


EVERY_OTHER = range(0, 10**6, 2)
FAULTS = {
    "500": Fault(kind=Kind.ERROR, status=500, at=EVERY_OTHER),
    "502 on large pages": Fault(kind=Kind.ERROR, status=502, when=large, extra=10),
    "504 on large pages": Fault(kind=Kind.TIMEOUT, seconds=0, when=large, extra=10),
    "silence": Fault(kind=Kind.TIMEOUT, seconds=30, at=(0, 4)),
    "no answer": Fault(kind=Kind.REFUSE, at=EVERY_OTHER),
    "dropped mid-body": Fault(kind=Kind.DROP, at=EVERY_OTHER),
    "truncated JSON": Fault(kind=Kind.TRUNCATE, at=EVERY_OTHER),
    "partial data": Fault(kind=Kind.PARTIAL, at=EVERY_OTHER),
    "limit in a 200": Fault(kind=Kind.RATE_LIMITED, seconds=40, at=EVERY_OTHER),
    "primary 403": Fault(kind=Kind.FORBIDDEN, seconds=40, at=EVERY_OTHER),
    "secondary 403": Fault(kind=Kind.SECONDARY, retry_after=30, at=EVERY_OTHER),
    "secondary 403 without time": Fault(kind=Kind.SECONDARY, at=EVERY_OTHER),
    "secondary limit in a 200": Fault(kind=Kind.SECONDARY_200, retry_after=30, at=EVERY_OTHER),
    "429": Fault(kind=Kind.TOO_MANY, retry_after=30, at=EVERY_OTHER),
    "429 without time": Fault(kind=Kind.TOO_MANY, at=EVERY_OTHER),
    "HTML as 200": Fault(kind=Kind.HTML, status=200, at=EVERY_OTHER),
    "HTML as 403": Fault(kind=Kind.HTML, status=403, at=EVERY_OTHER),
    "HTML as 502": Fault(kind=Kind.HTML, status=502, at=EVERY_OTHER),
}
LIMITS = {name for name in FAULTS if "limit" in name or "403" in name or "429" in name}


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_changes_nothing_but_the_cost(
    built: ServedProject, expected: Any, tmp_path: Path, name: str
) -> None:
    waits = FakeClock()
    with GitHubDouble(built.world, faults=[FAULTS[name]]) as double:
        timeout = 1 if name == "silence" else 60
        summary = built.crawl(tmp_path, double, waits=waits, timeout=timeout)
        assert any(it.fault for it in double.graphql_requests)
        assert len(double.graphql_requests) <= 60
    assert content(tmp_path) == expected
    assert summary.requests == len(double.graphql_requests)
    assert ("rate limit" in waits.reasons) == (name in LIMITS - {"HTML as 403"})


def test_all_faults_together(built: ServedProject, expected: Any, tmp_path: Path) -> None:
    faults = [
        Fault(kind=it.kind, status=it.status, seconds=0, at=(place * 3 % 50,), times=1)
        for place, it in enumerate(FAULTS.values())
    ]
    with GitHubDouble(built.world, faults=[*faults, FAULTS["502 on large pages"]]) as double:
        built.crawl(tmp_path, double)
    assert content(tmp_path) == expected


ENDLESS = {
    "broken": (Fault(kind=Kind.ERROR, at=range(2, 10**6)), 6),
    "truncated": (Fault(kind=Kind.TRUNCATE, at=range(2, 10**6)), 6),
    "partial": (Fault(kind=Kind.PARTIAL, at=range(3, 10**6)), 6),
    "html": (Fault(kind=Kind.HTML, status=200, at=range(1, 10**6)), 6),
    "proxy": (Fault(kind=Kind.HTML, status=403, at=range(1, 10**6)), 6),
    "limit": (Fault(kind=Kind.RATE_LIMITED, seconds=5, at=range(2, 10**6)), 6),
    "secondary": (Fault(kind=Kind.SECONDARY, at=range(2, 10**6)), 6),
    "no time": (Fault(kind=Kind.TOO_MANY, at=range(2, 10**6)), 6),
    "zero": (Fault(kind=Kind.TOO_MANY, retry_after=0, at=range(2, 10**6)), 6),
    "revoked": (Fault(kind=Kind.REVOKED, at=range(3, 10**6)), 5),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_does_not_end_ends_the_crawl_with_one_error(
    built: ServedProject, expected: Any, tmp_path: Path, name: str
) -> None:
    fault, code = ENDLESS[name]
    with GitHubDouble(built.world, faults=[fault]) as double:
        with pytest.raises(CurateError) as raised:
            built.crawl(tmp_path, double, tokens=SECRETS[0])
        told = describe_error(raised.value)
        assert len(double.graphql_requests) <= 20
    assert told is not None
    assert told[2] == code
    assert "ghp_" not in repr(raised.value) + told[0] + told[1] + repr(raised.value.__dict__)
    assert "a" * 8 not in told[0] + told[1]
    with GitHubDouble(built.world) as double:
        built.crawl(tmp_path, double)
    assert content(tmp_path) == expected


def at(index: int, act: Any) -> Fault:
    """Something that happens to the world before a request; no fault of the answer."""

    def when(asked: Asked) -> bool:
        if asked.index == index:
            act()
        return False

    return Fault(kind=Kind.ERROR, when=when)


@pytest.mark.parametrize("index", [1, 2, 3, 4])
def test_a_repository_that_is_renamed_half_way(
    built: ServedProject, expected: Any, tmp_path: Path, index: int
) -> None:
    served = built.fresh()
    rename = at(index, lambda: served.world.rename(REPO, "other-owner/better"))
    with GitHubDouble(served.world, faults=[rename]) as double:
        served.crawl(tmp_path, double)
    assert content(tmp_path)["candidates"] == expected["candidates"]


@pytest.mark.parametrize("index", [1, 2, 3])
def test_a_repository_that_is_deleted_half_way(
    built: ServedProject, expected: Any, tmp_path: Path, index: int
) -> None:
    served = built.fresh()
    gone = at(index, lambda: served.world.remove(REPO))
    with (
        GitHubDouble(served.world, faults=[gone]) as double,
        pytest.raises(CurateError) as raised,
    ):
        served.crawl(tmp_path, double)
    assert (describe_error(raised.value) or ("", "", 0))[2] == 4
    with GitHubDouble(built.world) as double:
        built.crawl(tmp_path, double)
    assert content(tmp_path) == expected


def test_a_token_that_is_revoked_is_dropped_with_a_warning(
    built: ServedProject, expected: Any, tmp_path: Path
) -> None:
    said: list[str] = []
    revoked = Fault(kind=Kind.REVOKED, token=SECRETS[1])
    with GitHubDouble(built.world, token=SECRETS, faults=[revoked]) as double:
        double.ledger(SECRETS[0]).charge(100)
        built.crawl(tmp_path, double, tokens=SECRETS, warn=said.append)
        assert sum(it.token == SECRETS[1] for it in double.requests) <= 1
    assert content(tmp_path) == expected
    assert said == ["GitHub rejected token 2 of 3; continuing without it."]


def test_a_token_at_its_limit_rests_while_the_others_go_on(
    built: ServedProject, expected: Any, tmp_path: Path
) -> None:
    waits = FakeClock()
    limited = Fault(kind=Kind.RATE_LIMITED, seconds=1800, token=SECRETS[0])
    with GitHubDouble(built.world, token=SECRETS, faults=[limited]) as double:
        built.crawl(tmp_path, double, tokens=SECRETS[:2], waits=waits)
        used = [it.token for it in double.requests]
    assert content(tmp_path) == expected
    assert used.count(SECRETS[0]) == 1
    assert waits.seconds == 0


def test_when_all_tokens_are_at_their_limit_the_soonest_is_waited_for(
    built: ServedProject, expected: Any, tmp_path: Path
) -> None:
    waits = FakeClock()
    limits = [
        Fault(kind=Kind.RATE_LIMITED, seconds=1800, token=SECRETS[0], times=1),
        Fault(kind=Kind.RATE_LIMITED, seconds=600, token=SECRETS[1], times=1),
    ]
    with GitHubDouble(built.world, token=SECRETS, faults=limits) as double:
        built.crawl(tmp_path, double, tokens=SECRETS[:2], waits=waits)
        used = [it.token for it in double.requests]
    assert content(tmp_path) == expected
    assert 590 <= waits.seconds <= 605
    assert used[:3] == [SECRETS[0], SECRETS[1], SECRETS[1]]
