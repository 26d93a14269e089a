"""Choosing repositories: the criteria, and slices that pass the cap of 1,000 results."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from curate.core.errors import NetworkError
from curate.github.client import GitHubClient
from curate.github.retry import RetryPolicy
from curate.github.search import (
    RepositoryInfo,
    SearchCriteria,
    find_repositories,
    first_failed_criterion,
)
from tests.doubles.github.data import Repository, World
from tests.doubles.github.faults import Fault, Kind
from tests.doubles.github.samples import sample_pull
from tests.doubles.github.server import GitHubDouble
from tests.helpers.terminal import typed

MANY = {n: sample_pull(n) for n in range(1, 12)}
FEW = {n: sample_pull(n) for n in range(1, 4)}
WANTED = SearchCriteria(stars=500, pulls=10, contributors=5)


def repository(name: str, hours: int, **facts: Any) -> Repository:
    made = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    known: dict[str, Any] = {
        "createdAt": f"{made:%Y-%m-%dT%H:%M:%SZ}",
        "stargazerCount": 900,
        "contributors": 9,
        "license": "MIT",
    }
    found = Repository.of(name, **known | facts)
    found.pulls = MANY
    return found


def chosen(world: World, wanted: SearchCriteria = WANTED, **options: Any) -> tuple[list[Any], Any]:
    with GitHubDouble(world, **options) as double:
        policy = RetryPolicy(sleep=lambda seconds: None)
        found = list(find_repositories(GitHubClient("t", double.url, policy=policy), wanted))
        return found, double.requests


def test_every_criterion_is_applied() -> None:
    small = repository("a/small", 0)
    small.pulls = FEW
    world = World(
        repository("a/good", 1),
        small,
        repository("a/young", 10**5),
        repository("a/unknown", 2, stargazerCount=500),
        repository("a/lonely", 3, contributors=5),
        repository("a/ruby", 4, language="Ruby"),
        repository("a/fork", 5, isFork=True),
    )
    found, requests = chosen(world)
    judged = {it.repository.repo: it.failed_criterion for it in found}
    assert judged == {"a/good": "", "a/small": "pulls", "a/lonely": "contributors"}
    assert [it.repository.contributors for it in found if not it.failed_criterion] == [9]
    assert sum("contributors" in it.path for it in requests) == 2


def test_more_results_than_github_shows() -> None:
    world = World(*(repository(f"a/r{n}", n * 7 % 9000, contributors=0) for n in range(2300)))
    found, requests = chosen(world, SearchCriteria(pulls=10, contributors=0))
    assert len(found) == 2300
    assert len({it.repository.repo for it in found}) == 2300
    assert len(requests) <= 2300 / 100 * 2 + 10


def test_as_many_results_as_github_shows_in_one_second() -> None:
    world = World(*(repository(f"a/r{n}", 5) for n in range(1000)))
    assert len(chosen(world, SearchCriteria(pulls=10, contributors=0))[0]) == 1000


def test_faults_of_both_kinds_of_request() -> None:
    world = World(repository("a/good", 1), repository("a/other", 2))
    broken = Fault(kind=Kind.ERROR, at=(0,))
    assert len(chosen(world, faults=[broken])[0]) == 2


def _changing(change: Callable[[dict[str, Any]], object]) -> Fault:
    return Fault(kind=Kind.CHANGED, change=lambda body: change(body["data"]["search"]))


@pytest.mark.parametrize(
    "change",
    [
        lambda page: page["nodes"][0].update(pullRequests=None),
        lambda page: page["nodes"][0].pop("createdAt"),
        lambda page: page["nodes"][0].update(stargazerCount="many"),
        lambda page: page["nodes"][0].update(nameWithOwner=None),
    ],
)
def test_a_malformed_repository_is_skipped_with_a_warning(
    change: Callable[[dict[str, Any]], object],
) -> None:
    world, said = World(repository("a/odd", 1), repository("a/good", 2)), list[str]()
    with GitHubDouble(world, faults=[_changing(change)]) as double:
        client = GitHubClient("t", double.url, on_warning=said.append)
        found = list(find_repositories(client, WANTED))
    assert len(found) == len(said) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda page: page.update(pageInfo={"hasNextPage": True, "endCursor": None}),
        lambda page: page.update(nodes=None),
        lambda page: page.update(repositoryCount=None),
        lambda page: page.pop("pageInfo"),
    ],
)
def test_a_malformed_page_of_results_ends_in_one_error(
    change: Callable[[dict[str, Any]], object],
) -> None:
    with pytest.raises(NetworkError):
        chosen(World(repository("a/good", 1)), faults=[_changing(change)])


@pytest.mark.parametrize(
    ("status", "message", "criterion"),
    [
        (403, "The history or contributor list is too large to list contributors", ""),
        (403, "Repository access blocked", "contributors"),
        (404, "Not Found", "contributors"),
        (451, "Repository unavailable due to DMCA takedown.", "contributors"),
        (204, "", "contributors"),
    ],
)
def test_contributors_that_cannot_be_counted_cost_no_other_repository(
    status: int, message: str, criterion: str
) -> None:
    world = World(repository("a/odd", 1, stargazerCount=999), repository("a/good", 2))
    with GitHubDouble(world) as double:
        double.refusals["/repos/a/odd/contributors"] = status, message
        policy = RetryPolicy(sleep=lambda seconds: None)
        client = GitHubClient("t", double.url, policy=policy)
        judged = {
            it.repository.repo: it.failed_criterion for it in find_repositories(client, WANTED)
        }
    assert judged == {"a/odd": criterion, "a/good": ""}


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({}, ""),
        ({"stars": 500}, "stars"),
        ({"pulls": 500}, "pulls"),
        ({"contributors": 100}, "contributors"),
        ({"contributors": None}, ""),
        ({"python": 0.69}, "python"),
        ({"license": "GPL-3.0"}, "license"),
        ({"license": "mit"}, ""),
        ({"created_at": datetime(2022, 7, 1, tzinfo=UTC)}, "created"),
    ],
)
def test_the_papers_criteria_are_the_defaults(changes: dict[str, Any], fails: str) -> None:
    fine: dict[str, Any] = {
        "repo": "a/b",
        "created_at": datetime(2022, 6, 30, tzinfo=UTC),
        "stars": 501,
        "pulls": 501,
        "python": 0.7,
        "license": "MIT",
        "contributors": 101,
    }
    assert (
        first_failed_criterion(
            RepositoryInfo(**fine | changes), SearchCriteria(python=0.7, licenses=("MIT",))
        )
        == fails
    )


def test_the_command_prints_names_or_json(tmp_path: Path) -> None:
    shared = {"languages": {"Python": 90, "C": 10}}
    world = World(
        repository("a/mit", 1, **shared),
        repository("a/gpl", 2, license="GPL-3.0", **shared),
        repository("a/c", 3, languages={"Python": 60, "C": 40}),
    )
    with GitHubDouble(world) as double:
        command = ["repos", "find", "--github-api-url", double.url, "--pulls", "10"]
        command += ["--contributors", "5", "--python", "80", "--license", "MIT"]
        runs = [typed((*command, *more), tmp_path, {}) for more in ((), ("--json",))]
    assert runs[0].stdout == "a/mit\n"
    assert "1 rejected by license" in runs[0].stderr
    assert "1 rejected by python" in runs[0].stderr
    (row,) = json.loads(runs[1].stdout)
    assert (row["repo"], row["python"], row["contributors"]) == ("a/mit", 0.9, 9)
