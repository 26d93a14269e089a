"""Texts that were edited after the solution began count as they were before."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from curate.core.model import Candidate, Issue
from curate.store.store import Store
from tests.doubles.github.samples import sample_comment, sample_issue, sample_pull, stamp
from tests.doubles.github.server import GitHubDouble
from tests.helpers.crawling import REPO, ServedProject, build_served_project

ISSUE = 1072  # closed by PR 72, which is opened at OPENED; its first commit is earlier
OPENED = 24 * 72 + 1
BEFORE, AFTER = 0.5, 10**4  # hours: before the first commit, and after the merge


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ServedProject:
    return build_served_project(tmp_path_factory.mktemp("project"), fit=6, unfit=414)


@pytest.fixture
def served(built: ServedProject) -> ServedProject:
    served = built.fresh()
    served.data.issues[ISSUE]["createdAt"] = stamp(BEFORE)
    return served


def edit(hours: float, text: str, **changes: Any) -> dict[str, Any]:
    return {"editedAt": stamp(hours), "diff": text, **changes}


def crawled(served: ServedProject, folder: Path, number: int = 72) -> Candidate:
    with GitHubDouble(served.world) as double:
        served.crawl(folder, double)
    with Store(folder) as store:
        made = store.get_candidate(f"some-owner__thing-{number}")
    assert made is not None
    return made


def edit_queries(double: GitHubDouble) -> int:
    return sum("userContentEdits" in it.query for it in double.graphql_requests)


@pytest.mark.parametrize(
    ("edits", "hints", "omitted"),
    [
        ([edit(BEFORE, "as it was"), edit(AFTER, "now")], "as it was", 0),
        ([edit(BEFORE, "v1"), edit(BEFORE + 0.1, "v2"), edit(AFTER, "now")], "v2", 0),
        ([edit(BEFORE, ""), edit(AFTER, "now")], "", 0),
        ([edit(BEFORE, "v1\r\nv2"), edit(AFTER, "now\r\n")], "v1\r\nv2", 0),
        ([edit(AFTER, "now")], "", 1),  # GitHub has not kept the first version
        ([edit(BEFORE, "v1", deletedAt=stamp(AFTER)), edit(AFTER, "now")], "", 1),
        ([edit(BEFORE, "-a"), edit(AFTER, "+now")], "", 1),  # no whole texts
    ],
)
def test_a_hint_says_what_it_said_at_the_first_commit(
    served: ServedProject, tmp_path: Path, edits: list[Any], hints: str, omitted: int
) -> None:
    comment = sample_comment(BEFORE, "now") | {"edits": edits}
    served.data.issues[ISSUE]["comments"] = [comment]
    made = crawled(served, tmp_path)
    assert (made.hints_text, made.omitted_hints) == (hints, omitted)


def test_a_comment_edited_without_history_is_left_out(
    served: ServedProject, tmp_path: Path
) -> None:
    edited = sample_comment(BEFORE, "the fix is in 1.2") | {"lastEditedAt": stamp(AFTER)}
    served.data.issues[ISSUE]["comments"] = [edited, sample_comment(BEFORE, "a hint")]
    made = crawled(served, tmp_path)
    assert (made.hints_text, made.omitted_hints) == ("a hint", 1)


def test_edits_are_asked_for_only_where_they_matter(served: ServedProject, tmp_path: Path) -> None:
    early = sample_comment(BEFORE, "now") | {"lastEditedAt": stamp(BEFORE + 0.1)}
    late = sample_comment(AFTER, "no hint") | {"lastEditedAt": stamp(AFTER + 1)}
    served.data.issues[ISSUE] |= {"comments": [early, late], "lastEditedAt": stamp(OPENED)}
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        assert edit_queries(double) == 0


def test_a_hundred_edited_texts_cost_a_request_once(served: ServedProject, tmp_path: Path) -> None:
    history = [edit(BEFORE, "then"), edit(AFTER, "now")]
    comment = sample_comment(BEFORE, "now") | {"edits": history}
    served.data.issues[ISSUE] |= {"comments": [comment] * 99, "body": "now", "edits": history}
    with GitHubDouble(served.world) as double:
        first = served.crawl(tmp_path / "a", double)
        assert edit_queries(double) == 1
        assert served.crawl(tmp_path / "a", double).requests == 1
    plain = served.fresh()
    plain.data.issues[ISSUE] |= {"comments": [], "edits": []}
    with GitHubDouble(plain.world) as double:
        summary = plain.crawl(tmp_path / "b", double)
    assert (first.requests, first.points) == (summary.requests + 1, summary.points + 1)


def test_a_text_with_more_versions_than_a_page(served: ServedProject, tmp_path: Path) -> None:
    history = [edit(BEFORE, "first"), *(edit(AFTER + n, f"v{n}") for n in range(230))]
    served.data.issues[ISSUE] |= {"body": "v229", "edits": history}
    assert crawled(served, tmp_path).problem_statement == "Issue 1072\nfirst\n"


@pytest.mark.parametrize("number", [72, 142])
def test_a_statement_is_that_of_the_day_the_pull_was_opened(
    served: ServedProject, tmp_path: Path, number: int
) -> None:
    """Two PRs close one issue, which is edited before, between and after them."""
    served.data.pulls[142]["closing"] = [{"repo": REPO, "number": ISSUE}]
    times = {"v1": BEFORE, "v2": OPENED, "v3": OPENED + 1, "v4": AFTER}
    names = {"t1": OPENED + 1, "t2": AFTER}
    served.data.issues[ISSUE] |= {
        "body": "v4",
        "edits": [edit(hours, text) for text, hours in times.items()],
        "title": "t3",
        "renames": [
            {"createdAt": stamp(hours), "previousTitle": name, "currentTitle": f"t{n}"}
            for n, (name, hours) in enumerate(names.items(), 2)
        ],
    }
    made = crawled(served, tmp_path, number)
    expected = {72: "t1\nv2\n", 142: "t2\nv3\n"}
    assert made.problem_statement == expected[number]
    assert made.statement_edited_after is None


def test_a_statement_whose_text_of_that_day_is_lost_is_marked(
    served: ServedProject, tmp_path: Path
) -> None:
    served.data.issues[ISSUE]["lastEditedAt"] = stamp(AFTER)
    made = crawled(served, tmp_path)
    assert made.problem_statement == "Issue 1072\nSomething is wrong in 1072.\n"
    assert made.statement_edited_after == datetime.fromisoformat(stamp(AFTER))


def test_an_issue_younger_than_the_pull_counts_as_it_was_made(
    served: ServedProject, tmp_path: Path
) -> None:
    history = [edit(OPENED + 5, "first"), edit(AFTER, "solved by the PR")]
    served.data.issues[ISSUE] |= {"createdAt": stamp(OPENED + 5), "body": "solved by the PR"}
    served.data.issues[ISSUE]["edits"] = history
    assert crawled(served, tmp_path).problem_statement == "Issue 1072\nfirst\n"


def test_an_issue_stored_without_edit_times_is_fetched_again(
    served: ServedProject, tmp_path: Path
) -> None:
    crawled(served, tmp_path)
    served.data.issues[ISSUE] |= {"edits": [edit(BEFORE, "then"), edit(AFTER, "now")]}
    served.data.issues[ISSUE] |= {"body": "now"}
    with Store(tmp_path) as store:
        stored = store.get_issue(REPO, ISSUE)
        assert isinstance(stored, Issue)
        old = replace(stored, node_id="", edited_at=None, body="now")
        store.save_issues([old])  # drops the decision as well, as a new version of curate does
    assert crawled(served, tmp_path).problem_statement == "Issue 1072\nthen\n"


def test_an_edit_after_the_crawl_changes_nothing_that_was_known(
    served: ServedProject, tmp_path: Path
) -> None:
    first = crawled(served, tmp_path)
    issue = served.data.issues[ISSUE]
    issue["edits"] = [edit(BEFORE, issue["body"]), edit(AFTER, "Use x instead.")]
    issue |= {"body": "Use x instead.", "updatedAt": stamp(AFTER)}
    assert crawled(served, tmp_path) == first


def test_edits_of_an_issue_decided_on_in_an_earlier_chunk_renew_no_decision(
    served: ServedProject, tmp_path: Path
) -> None:
    """PR 2 is opened after the last edit and decided first; PR 500 asks for the edits."""
    history = [edit(BEFORE, "then"), edit(OPENED, "now")]
    served.data.issues[ISSUE] |= {"body": "now", "edits": history}
    served.data.pulls[2] |= {"createdAt": stamp(OPENED + 1), "closing": []}
    served.data.pulls[2]["body"] = f"Fixes #{ISSUE}"
    early = sample_pull(500, createdAt=stamp(BEFORE + 0.2), mergeCommit=None)
    early |= {it: served.data.pulls[72][it] for it in ("baseRefOid", "headRefOid", "closing")}
    served.data.pulls[500] = early
    for number in range(422, 500):
        served.data.issues.setdefault(number, sample_issue(number))
    with GitHubDouble(served.world) as double:
        served.crawl(tmp_path, double)
        assert edit_queries(double) == 1
        assert served.crawl(tmp_path, double).candidates == 0
    with Store(tmp_path) as store:
        two, last = (store.get_candidate(f"some-owner__thing-{n}") for n in (2, 500))
    assert two
    assert last
    assert two.problem_statement == "Issue 1072\nnow\n"
    assert last.problem_statement == "Issue 1072\nthen\n"
