"""Later crawls: cut short they go on, what changed on GitHub arrives, cost follows the change."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from curate.core.errors import NetworkError
from curate.core.model import Candidate, CrawlState, IncrementalCrawl, IssueLink
from curate.crawl.incremental import plan_incremental_crawl
from curate.store.store import Store
from tests.doubles.github.data import Repository
from tests.doubles.github.faults import Fault, Kind
from tests.doubles.github.samples import sample_comment, sample_issue, stamp
from tests.doubles.github.server import GitHubDouble
from tests.helpers.crawling import REPO, ServedProject, build_served_project
from tests.helpers.store_snapshot import content

NOW = 10**5  # hours, later than anything in the project


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ServedProject:
    return build_served_project(tmp_path_factory.mktemp("project"), fit=6, unfit=414)


@pytest.fixture
def served(built: ServedProject) -> ServedProject:
    return built.fresh()


def broken(served: ServedProject) -> GitHubDouble:
    """GitHub as long as two requests, then trouble without end."""
    return GitHubDouble(served.world, faults=[Fault(kind=Kind.ERROR, at=range(2, 10**6))])


def cursors(double: GitHubDouble) -> list[Any]:
    pages = [it for it in double.graphql_requests if it.operation == "Pulls"]
    return [(it.variables or {}).get("cursor") for it in pages]


def touch(served: ServedProject, numbers: Any, hour: int) -> None:
    for place, number in enumerate(numbers):
        served.data.pulls[number]["updatedAt"] = stamp(hour + place)


def statement(folder: Path, number: int) -> str:
    with Store(folder) as store:
        made = store.get_candidate(f"some-owner__thing-{number}")
    return made.problem_statement if made else ""


def test_a_later_crawl_that_was_cut_short_goes_on_behind_its_last_page(
    served: ServedProject, tmp_path: Path
) -> None:
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
    touch(served, range(2, 352), NOW)
    with broken(served) as double:
        with pytest.raises(NetworkError):
            served.crawl(tmp_path, double)
        seen = cursors(double)[:2]
    touch(served, [400], 2 * NOW)
    with GitHubDouble(served.world) as double:
        assert served.crawl(tmp_path, double).pulls == 150
        again = cursors(double)
    assert len(again) == 2
    assert not set(seen) & set(again)
    with GitHubDouble(served.world) as double:
        assert served.crawl(tmp_path, double).pulls == 1  # the one updated meanwhile
        assert len(double.graphql_requests) == 1
    with GitHubDouble(served.world) as double:
        whole = tmp_path / "whole"
        served.crawl(whole, double)
    assert content(tmp_path)["pulls"] == content(whole)["pulls"]


def test_a_crawl_since_a_day_that_was_cut_short_goes_on(
    served: ServedProject, tmp_path: Path
) -> None:
    for pull in served.data.pulls.values():
        pull["mergedAt"] = pull["updatedAt"]
    since = datetime.fromisoformat(served.data.pulls[72]["updatedAt"])
    with broken(served) as double, pytest.raises(NetworkError):
        served.crawl(tmp_path, double, since=since)
    with GitHubDouble(served.world) as double:
        assert served.crawl(tmp_path, double, since=since).pulls == 150
        assert None not in cursors(double)
    with Store(tmp_path) as store:
        assert store.crawl_state(REPO).since == since


def day(number: int) -> datetime:
    return datetime.fromisoformat(stamp(24 * number))


@pytest.mark.parametrize(
    ("state", "since", "expected"),
    [
        (CrawlState(), None, None),
        (CrawlState(cursor="c"), day(5), None),
        (CrawlState(), day(5), IncrementalCrawl(until=day(5), since=day(5))),
        (CrawlState(is_complete=True, watermark=day(9)), None, IncrementalCrawl(until=day(9))),
        (CrawlState(is_complete=True, watermark=day(9)), day(3), IncrementalCrawl(until=day(9))),
        (
            CrawlState(is_complete=True, watermark=day(9), since=day(5)),
            day(3),
            IncrementalCrawl(until=day(3), since=day(3)),
        ),
        (CrawlState(is_complete=True, watermark=day(9), since=day(5)), None, None),
        (
            CrawlState(incremental_crawl=IncrementalCrawl(until=day(5), since=day(5), cursor="c")),
            day(7),
            IncrementalCrawl(until=day(5), since=day(5), cursor="c"),
        ),
        (
            CrawlState(incremental_crawl=IncrementalCrawl(until=day(5), since=day(5), cursor="c")),
            day(3),
            IncrementalCrawl(until=day(3), since=day(3), cursor="c"),
        ),
    ],
)
def test_which_way_a_crawl_goes(
    state: CrawlState, since: datetime | None, expected: IncrementalCrawl | None
) -> None:
    assert plan_incremental_crawl(state, since) == expected


def test_nothing_new_costs_one_request(served: ServedProject, tmp_path: Path) -> None:
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
    with GitHubDouble(served.world) as double:
        summary = served.crawl(tmp_path, double)
        assert (summary.requests, summary.points, double.points) == (1, 1, 1)
    assert (summary.pulls, summary.issues, summary.candidates) == (0, 0, 0)


def test_an_edited_issue_makes_its_candidates_anew(served: ServedProject, tmp_path: Path) -> None:
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        served.data.issues[1072] |= {"body": "Said better.", "updatedAt": stamp(NOW)}
        summary = served.crawl(tmp_path, double)
    assert "Said better." in statement(tmp_path, 72)
    assert (summary.pulls, summary.issues, summary.candidates) == (0, 1, 1)
    assert summary.requests == 3  # the pulls, which issues changed, the one issue


def test_a_new_comment_that_is_a_hint_arrives(served: ServedProject, tmp_path: Path) -> None:
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        issue = served.data.issues[1072]
        issue["comments"].append(sample_comment(1, "a hint"))
        issue["updatedAt"] = stamp(NOW)
        served.crawl(tmp_path, double)
    with Store(tmp_path) as store:
        made = store.get_candidate("some-owner__thing-72")
    assert made is not None
    assert "a hint" in made.hints_text


def test_issues_that_matter_to_no_pull_are_not_fetched(
    served: ServedProject, tmp_path: Path
) -> None:
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        for number in range(6024, 6274):
            served.data.issues[number] = sample_issue(number, updatedAt=stamp(NOW + number))
        summary = served.crawl(tmp_path, double)
        assert (summary.issues, summary.requests) == (0, 4)  # 250 issues are three pages
        assert served.crawl(tmp_path, double).requests == 1


def test_an_issue_made_after_the_pull_that_names_it(served: ServedProject, tmp_path: Path) -> None:
    late = served.data.issues.pop(1072)
    served.data.pulls[72] |= {"body": "Fixes #1072", "closing": []}
    with GitHubDouble(served.world) as double:
        assert served.crawl(tmp_path, double).rejected["issue-not-found"] == 1
        served.data.issues[1072] = late | {"updatedAt": stamp(NOW)}
        assert served.crawl(tmp_path, double).candidates == 1


def test_an_edited_issue_of_another_repository(served: ServedProject, tmp_path: Path) -> None:
    other = Repository.of("else/where", issues=[sample_issue(5)])
    served.world.add(other)
    served.data.pulls[72]["closing"] = [{"repo": "else/where", "number": 5}]
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        assert served.crawl(tmp_path, double).requests == 2
        other.issues[5] |= {"title": "Edited", "updatedAt": stamp(NOW)}
        assert served.crawl(tmp_path, double).issues == 1
    assert statement(tmp_path, 72).startswith("Edited\n")


def test_a_pull_that_was_retargeted(served: ServedProject, tmp_path: Path) -> None:
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        served.data.pulls[72] |= {"baseRefName": "stable", "updatedAt": stamp(NOW)}
        served.data.pulls[72]["closing"] = [{"repo": REPO, "number": 1073}]
        summary = served.crawl(tmp_path, double)
        assert (summary.pulls, summary.candidates, summary.requests) == (1, 1, 2)
    with Store(tmp_path) as store:
        pull = store.get_pull(REPO, 72)
    assert pull is not None
    assert pull.base_ref == "stable"
    assert statement(tmp_path, 72).startswith("Issue 1073")


def test_issue_watermark_survives_an_interruption(served: ServedProject, tmp_path: Path) -> None:
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
    for number in (1072, 1142):
        served.data.issues[number] |= {"body": f"New {number}", "updatedAt": stamp(NOW + number)}
    with broken(served) as double, pytest.raises(NetworkError):
        served.crawl(tmp_path, double)
    with GitHubDouble(served.world) as double:
        assert served.crawl(tmp_path, double).issues == 2
    assert "New 1142" in statement(tmp_path, 142)


def test_commits_of_heads_that_the_mirror_lacks(served: ServedProject, tmp_path: Path) -> None:
    head = served.data.pulls[72]["headRefOid"]
    gone = [{"oid": "f" * 40, "authoredDate": stamp(0.9), "committedDate": stamp(0.9)}]
    commits = [it | {"message": f"step {n}"} for n in range(150) for it in gone]
    commits[140] |= {"message": "fixes #1072", "authoredDate": stamp(0.5)}
    said = [sample_comment(0.4, "before the first commit"), sample_comment(0.7, "after it")]
    served.data.issues[1072]["comments"] = said
    merged = {"oid": head, "message": "x", "authoredDate": stamp(1), "committedDate": stamp(1)}
    served.data.pulls[72] |= {"headRefOid": "f" * 40, "mergeCommit": merged, "closing": []}
    served.data.pulls[72]["commits"] = commits
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
    assert statement(tmp_path, 72).startswith("Issue 1072")
    with Store(tmp_path) as store:
        made = store.get_candidate("some-owner__thing-72")
    assert made is not None
    assert made.hints_text == "before the first commit"


def test_details_are_asked_for_only_where_the_files_fit(
    served: ServedProject, tmp_path: Path
) -> None:
    assert len(served.data.pulls[2]["closing"]) > 10
    served.data.pulls[3]["closing"] = served.data.pulls[2]["closing"]
    served.data.pulls[4]["headRefOid"] = "e" * 40
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        details = [it.query for it in double.graphql_requests if it.operation == "Details"]
    assert any("closing2:" in it for it in details)
    assert not any("closing3:" in it or "commits4:" in it or "i1003:" in it for it in details)


def test_a_resumed_crawl_shows_how_far_it_is(served: ServedProject, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    with broken(served) as double, pytest.raises(NetworkError):
        served.crawl(tmp_path, double)
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double, progress=lambda *step: seen.append(step))
    assert seen[0] == ("pulls", 300, 420)


def test_an_issue_edited_between_a_crawl_since_a_day_and_a_full_one(
    served: ServedProject, tmp_path: Path
) -> None:
    for pull in served.data.pulls.values():
        pull["mergedAt"] = pull["updatedAt"]
    since = datetime.fromisoformat(served.data.pulls[72]["updatedAt"])
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double, since=since)
        served.data.issues[1072] |= {"body": "Said better.", "updatedAt": stamp(NOW)}
        assert served.crawl(tmp_path, double).issues == 1
    assert "Said better." in statement(tmp_path, 72)


def candidate(folder: Path, number: int) -> Candidate | None:
    with Store(folder) as store:
        return store.get_candidate(f"some-owner__thing-{number}")


def test_an_issue_that_was_transferred_stands_once_in_the_statement(
    served: ServedProject, tmp_path: Path
) -> None:
    other = Repository.of("else/where", issues=[sample_issue(1)])
    served.world.add(other)
    served.data.pulls[72] |= {"body": "Fixes #1072"}
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        served.world.transfer(REPO, 1072, "else/where", 9)
        touch(served, [72], NOW)  # GitHub lists the new place, the text the old one
        summary = served.crawl(tmp_path, double)
        assert (summary.issues, summary.candidates) == (1, 1)
        made = candidate(tmp_path, 72)
        assert made is not None
        assert made.problem_statement == "Issue 1072\nSomething is wrong in 1072.\n"
        link = IssueLink(repo="else/where", number=9, sources=("body", "github"))
        assert made.issue_links == (link,)
        other.issues[9] |= {"body": "Said better.", "updatedAt": stamp(2 * NOW)}
        assert served.crawl(tmp_path, double).candidates == 1
        assert statement(tmp_path, 72) == "Issue 1072\nSaid better.\n"
        assert served.crawl(tmp_path, double).candidates == 0


def test_an_issue_that_was_transferred_before_the_first_crawl(
    served: ServedProject, tmp_path: Path
) -> None:
    served.world.add(Repository.of("else/where"))
    served.data.pulls[72] |= {"body": "Fixes #1072 and else/Where#9"}
    served.world.transfer(REPO, 1072, "else/where", 9)
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
    assert statement(tmp_path, 72) == "Issue 1072\nSomething is wrong in 1072.\n"


def test_an_issue_linked_by_the_former_name_of_its_repository(
    served: ServedProject, tmp_path: Path
) -> None:
    served.data.facts["formerNames"] = ["some-owner/was"]
    served.world.add(served.data)
    served.data.pulls[72] |= {"body": "Fixes some-owner/was#1072"}
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
    assert statement(tmp_path, 72) == "Issue 1072\nSomething is wrong in 1072.\n"


def test_an_issue_that_vanished_is_missed_at_the_next_crawl(
    served: ServedProject, tmp_path: Path
) -> None:
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        gone = served.data.issues.pop(1072)  # deleted, or converted to a discussion
        summary = served.crawl(tmp_path, double)
        assert summary.rejected == {"no-issue": 1}  # GitHub lists it no longer, either
        assert summary.requests == 5  # PRs, 30 issues, the PR that claims one, it, 6 candidates
        assert candidate(tmp_path, 72) is None
        assert served.crawl(tmp_path, double).requests == 1
        served.data.issues[1072] = gone
        served.data.pulls[72]["updatedAt"] = stamp(NOW)
        assert served.crawl(tmp_path, double).candidates == 1


def test_an_issue_that_vanished_where_a_text_names_it(
    served: ServedProject, tmp_path: Path
) -> None:
    served.data.pulls[72] |= {"body": "Fixes #1072", "closing": []}
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        gone = served.data.issues.pop(1072)
        assert served.crawl(tmp_path, double).rejected == {"issue-not-found": 1}
        served.data.issues[1072] = gone  # though it has not changed
        assert served.crawl(tmp_path, double).candidates == 1


def test_the_newest_issue_that_vanished(served: ServedProject, tmp_path: Path) -> None:
    served.data.issues = {n: it for n, it in served.data.issues.items() if n <= 1072}
    served.data.pulls[72] |= {"body": "Fixes #1072"}
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        served.data.issues.pop(1072)
        served.crawl(tmp_path, double)
    assert candidate(tmp_path, 72) is None


def test_an_issue_of_another_repository_that_becomes_private_and_public_again(
    served: ServedProject, tmp_path: Path
) -> None:
    other = Repository.of("else/where", issues=[sample_issue(5)])
    served.world.add(other)
    served.data.pulls[72] |= {"body": "Fixes else/where#5", "closing": []}
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        served.world.remove("else/where")
        assert served.crawl(tmp_path, double).rejected == {"issue-not-found": 1}
        assert candidate(tmp_path, 72) is None
        served.world.add(other)
        assert served.crawl(tmp_path, double).candidates == 1


def test_a_pull_that_vanished_is_rejected_until_it_is_back(
    served: ServedProject, tmp_path: Path
) -> None:
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        gone = served.data.pulls.pop(72)
        assert served.crawl(tmp_path, double).rejected == {"pull-not-found": 1}
        assert candidate(tmp_path, 72) is None
        assert served.crawl(tmp_path, double).rejected == {}
        served.data.pulls[72] = gone
        assert served.crawl(tmp_path, double).candidates == 1


def test_what_vanished_is_found_after_an_interruption(
    served: ServedProject, tmp_path: Path
) -> None:
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
    served.data.issues.pop(1072)
    with broken(served) as double, pytest.raises(NetworkError):
        served.crawl(tmp_path, double)
    with GitHubDouble(served.world) as double:
        assert served.crawl(tmp_path, double).rejected == {"no-issue": 1}
