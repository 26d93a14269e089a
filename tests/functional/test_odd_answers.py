"""Answers of GitHub that are odd: partly forbidden, malformed, without end, or not storable."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curate.core.errors import AuthenticationError, CurateError, describe_error
from curate.core.model import Issue
from curate.github.answers import MAX_EMPTY_PAGES
from curate.github.issues import MALFORMED, NOT_FOUND
from curate.store.store import Store
from tests.doubles.github.connection import encode
from tests.doubles.github.data import Json, Repository
from tests.doubles.github.faults import Asked, Fault, Kind
from tests.doubles.github.samples import sample_comment, sample_issue, stamp
from tests.doubles.github.server import GitHubDouble
from tests.helpers.crawling import REPO, FakeClock, ServedProject, build_served_project
from tests.helpers.store_snapshot import content

FIT = 4  # pulls 2, 12, 22 and 32 become candidates
PRIVATE = "secret/engine"
SAML = "Resource protected by organization SAML enforcement."

Change = Callable[[Json], object]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ServedProject:
    return build_served_project(tmp_path_factory.mktemp("project"), fit=FIT, unfit=36)


@pytest.fixture(scope="module")
def expected(built: ServedProject, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("undisturbed")
    with GitHubDouble(built.world) as double:
        assert built.crawl(folder, double).candidates == FIT
    return content(folder)


def changing(change: Change, operation: str = "Pulls", **options: Any) -> Fault:
    def when(asked: Asked) -> bool:
        return asked.operation == operation

    return Fault(kind=Kind.CHANGED, when=when, change=change, **options)


def page_of(body: Json) -> Json:
    page: Json = body["data"]["repository"]["pulls"]
    return page


def alias_of(body: Json, field: str) -> str:
    return next(str(repo) for repo, data in body["data"].items() if data and field in data)


# -- parts that the token may not read ------------------------------------------------------------

DENIED: dict[str, Json] = {
    "forbidden": {"type": "FORBIDDEN", "message": "Resource not accessible"},
    "sso": {"type": "FORBIDDEN", "message": SAML, "extensions": {"saml_failure": True}},
    "sso without type": {"message": SAML, "extensions": {"saml_failure": True}},
    "scopes": {"type": "INSUFFICIENT_SCOPES", "message": "Your token has not been granted"},
    "in extensions": {"extensions": {"code": "FORBIDDEN"}, "message": "x"},
    "lower case": {"type": "forbidden", "message": "x"},
    "not found": {"type": "NOT_FOUND", "message": "Could not resolve"},
}


@pytest.mark.parametrize("name", DENIED)
@pytest.mark.parametrize("whole_repository", [True, False])
def test_an_issue_that_may_not_be_read_is_like_one_that_is_not_there(
    built: ServedProject, expected: Any, tmp_path: Path, name: str, *, whole_repository: bool
) -> None:
    served = built.fresh()
    other = Repository.of(PRIVATE)
    other.issues[1] = sample_issue(1)
    served.world.add(other)
    served.data.pulls[2]["body"] = f"Fixes {PRIVATE}#1"

    def deny(body: Json) -> None:
        if not any(data and "i1" in data for data in body["data"].values()):
            return
        repo = alias_of(body, "i1")
        path: list[object] = [repo] if whole_repository else [repo, "i1"]
        if whole_repository:
            body["data"][repo] = None
        else:
            body["data"][repo]["i1"] = None
        not_there = {"type": "NOT_FOUND", "path": ["r0", "i999"], "message": "x"}
        body["errors"] = [{**DENIED[name], "path": path}, not_there]

    with GitHubDouble(served.world, faults=[changing(deny, "Details")]) as double:
        assert served.crawl(tmp_path, double).candidates == FIT
    with Store(tmp_path) as store:
        assert store.get_issue(PRIVATE, 1) == NOT_FOUND
    assert content(tmp_path)["candidates"] == expected["candidates"]


def test_references_to_private_issues_are_passed_over(
    built: ServedProject, expected: Any, tmp_path: Path
) -> None:
    def deny(body: Json) -> None:
        page = page_of(body)
        references = page["nodes"][0]["closingIssuesReferences"]["nodes"]
        references.append({"number": 7, "repository": None})
        references.append(None)
        page["nodes"][3]["closingIssuesReferences"] = None
        page["nodes"].append(None)
        path = ["repository", "pulls", "nodes", 0, "closingIssuesReferences", "nodes"]
        where: list[list[Any]] = [[*path, 10, "repository"], [*path, 11], path[:2]]
        body["errors"] = [{"type": "FORBIDDEN", "message": "x", "path": it} for it in where]

    with GitHubDouble(built.world, faults=[changing(deny)]) as double:
        built.crawl(tmp_path, double)
    assert content(tmp_path)["candidates"] == expected["candidates"]


def test_a_list_that_may_not_be_read_is_refused_with_githubs_words(
    built: ServedProject, tmp_path: Path
) -> None:
    def deny(body: Json) -> None:
        body["data"]["repository"]["pulls"] = None
        body["errors"] = [{**DENIED["sso"], "path": ["repository", "pulls"]}]

    with (
        GitHubDouble(built.world, faults=[changing(deny)]) as double,
        pytest.raises(AuthenticationError, match=SAML),
    ):
        built.crawl(tmp_path, double)


@pytest.mark.parametrize("operation", ["Pulls", "Details"])
@pytest.mark.parametrize("whole_answer", [True, False])
@pytest.mark.parametrize("name", DENIED)
def test_a_repository_that_may_not_be_read_is_refused_with_githubs_words(
    built: ServedProject, tmp_path: Path, operation: str, name: str, *, whole_answer: bool
) -> None:
    def deny(body: Json) -> None:
        home = "repository" if operation == "Pulls" else "r0"
        body["data"] = None if whole_answer else {**body["data"], home: None}
        body["errors"] = [{**DENIED[name], "path": [home]}]

    with (
        GitHubDouble(built.world, faults=[changing(deny, operation)]) as double,
        pytest.raises(CurateError) as raised,
    ):
        built.crawl(tmp_path, double)
    gone = name == "not found"
    assert raised.value.exit_code == (4 if gone else 5)
    assert (REPO if gone else str(DENIED[name]["message"])) in str(raised.value)


# -- malformed items ------------------------------------------------------------------------------


def setting(field: str, value: object, place: int = 0) -> Change:
    return lambda body: page_of(body)["nodes"][place].update({field: value})


def without(field: str) -> Change:
    return lambda body: page_of(body)["nodes"][0].pop(field)


MALFORMED_PULLS: dict[str, Change] = {
    "null time": setting("mergedAt", None),
    "no time": without("updatedAt"),
    "wrong time": setting("createdAt", "yesterday"),
    "time without zone": setting("createdAt", "2020-01-01T00:00:00"),
    "title": setting("title", None),
    "title of another type": setting("title", 5),
    "base": without("baseRefOid"),
    "base of another type": setting("baseRefOid", ["x"]),
    "merge commit": setting("mergeCommit", "abc"),
    "references": without("closingIssuesReferences"),
    "null references": setting("closingIssuesReferences", {"pageInfo": {}, "nodes": None}),
    "reference": setting("closingIssuesReferences", {"pageInfo": {}, "nodes": [{"number": 1}]}),
}


@pytest.mark.parametrize("name", MALFORMED_PULLS)
def test_a_malformed_pull_is_rejected_with_the_reason_and_costs_no_other(
    built: ServedProject, expected: Any, tmp_path: Path, name: str
) -> None:
    with GitHubDouble(built.world, faults=[changing(MALFORMED_PULLS[name])]) as double:
        summary = built.crawl(tmp_path, double)
    assert (summary.candidates, summary.rejected["malformed-pull"]) == (FIT - 1, 1)
    with Store(tmp_path) as store:
        rejection = store.get_rejection(REPO, 2)
        assert store.count_pulls(REPO) == 40
    assert rejection is not None
    assert "not as documented" in rejection.detail


@pytest.mark.parametrize("field", ["baseRefOid", "headRefOid"])
def test_a_commit_that_is_null_is_one_that_the_mirror_lacks(
    built: ServedProject, tmp_path: Path, field: str
) -> None:
    with GitHubDouble(built.world, faults=[changing(setting(field, None))]) as double:
        summary = built.crawl(tmp_path, double)
    assert (summary.candidates, summary.rejected["missing-objects"]) == (FIT - 1, 1)


@pytest.mark.parametrize("number", [None, "two", -1, 0, 1 << 70])
def test_a_pull_without_a_number_is_skipped_with_a_warning(
    built: ServedProject, tmp_path: Path, number: object
) -> None:
    said: list[str] = []
    with GitHubDouble(built.world, faults=[changing(setting("number", number))]) as double:
        assert built.crawl(tmp_path, double, warn=said.append).candidates == FIT - 1
    assert len(said) == 1
    assert "without a number" in said[0]


def _change_issue(field: str, value: object) -> Change:
    def change(body: Json) -> None:
        for repo in body["data"].values():
            issue = repo.get("i1012") if isinstance(repo, dict) else None
            if issue and "title" in issue:
                issue[field] = value

    return change


MALFORMED_ISSUES = {
    "title": _change_issue("title", None),
    "time": _change_issue("createdAt", None),
    "kind": _change_issue("__typename", None),
    "comments": _change_issue("comments", None),
    "null comments": _change_issue("comments", {"nodes": None, "pageInfo": {"hasNextPage": False}}),
    "comment": _change_issue(
        "comments", {"nodes": [{"createdAt": None}], "pageInfo": {"hasNextPage": False}}
    ),
    "cursor": _change_issue("comments", {"nodes": [], "pageInfo": {"hasNextPage": True}}),
}


@pytest.mark.parametrize("name", MALFORMED_ISSUES)
def test_a_malformed_issue_costs_no_other(
    built: ServedProject, expected: Any, tmp_path: Path, name: str
) -> None:
    said: list[str] = []
    fault = changing(MALFORMED_ISSUES[name], "Details")
    with GitHubDouble(built.world, faults=[fault]) as double:
        summary = built.crawl(tmp_path, double, warn=said.append)
    assert (summary.candidates, summary.rejected["issue-not-found"]) == (FIT - 1, 1)
    assert len(said) == 1
    assert f"{REPO}#1012: " in said[0]
    with Store(tmp_path) as store:
        assert store.get_issue(REPO, 1012) == MALFORMED


# -- malformed pages and lists without end --------------------------------------------------------


def _page(**changes: object) -> Change:
    return lambda body: page_of(body).update(changes)


MALFORMED_PAGES: dict[str, Change] = {
    "no cursor": _page(nodes=[], pageInfo={"hasNextPage": True, "endCursor": None}),
    "empty cursor": _page(pageInfo={"hasNextPage": True, "endCursor": ""}),
    "page information": _page(pageInfo=None),
    "cursor of another type": _page(pageInfo={"hasNextPage": True, "endCursor": 5}),
    "null nodes": _page(nodes=None),
    "count": _page(totalCount=None),
    "list": lambda body: body["data"]["repository"].update(pulls=None),
    "no list": lambda body: body["data"]["repository"].pop("pulls"),
    "name": lambda body: body["data"]["repository"].pop("nameWithOwner"),
    "no repository": lambda body: body["data"].pop("repository"),
    "repository of another type": lambda body: body["data"].update(repository=[1]),
    "data": lambda body: body.update(data=[1]),
    "errors": lambda body: body.update(errors="none"),
    "errors of another type": lambda body: body.update(errors=[None]),
    "nothing": lambda body: body.clear(),
}


@pytest.mark.parametrize("name", MALFORMED_PAGES)
def test_a_malformed_page_ends_the_crawl_with_one_error(
    built: ServedProject, expected: Any, tmp_path: Path, name: str
) -> None:
    with GitHubDouble(built.world, faults=[changing(MALFORMED_PAGES[name])]) as double:
        with pytest.raises(CurateError) as raised:
            built.crawl(tmp_path, double)
        assert len(double.requests) <= 8
    told = describe_error(raised.value)
    assert told is not None
    assert (told[2], bool(told[1])) == (6, True)
    with GitHubDouble(built.world) as double:
        built.crawl(tmp_path, double)
    assert content(tmp_path) == expected


def test_a_malformed_page_that_is_right_the_next_time_changes_nothing(
    built: ServedProject, expected: Any, tmp_path: Path
) -> None:
    with GitHubDouble(built.world, faults=[changing(_page(nodes=None), times=1)]) as double:
        built.crawl(tmp_path, double)
    assert content(tmp_path) == expected


@pytest.mark.parametrize("empty", [True, False])
def test_a_list_that_does_not_go_on_is_not_asked_for_without_end(
    built: ServedProject, tmp_path: Path, *, empty: bool
) -> None:
    count = iter(range(10**6))
    first: list[str] = []

    def repeat(body: Json) -> None:
        first.append(page_of(body)["pageInfo"]["endCursor"])
        cursor = encode((stamp(next(count)), 1)) if empty else first[0]
        page_of(body)["pageInfo"] = {"hasNextPage": True, "endCursor": cursor}
        if empty:
            page_of(body)["nodes"] = []

    with GitHubDouble(built.world, faults=[changing(repeat)]) as double:
        with pytest.raises(CurateError, match="list"):
            built.crawl(tmp_path, double)
        assert len(double.requests) <= MAX_EMPTY_PAGES + 5


@pytest.mark.parametrize("field", ["list", "comments"])
def test_references_and_comments_that_do_not_go_on_are_not_asked_for_without_end(
    built: ServedProject, tmp_path: Path, field: str
) -> None:
    first: list[str] = []

    def repeat(body: Json) -> None:
        for data in (it for name, it in body["data"].items() if name != "rateLimit"):
            for node in (it for it in data.values() if isinstance(it, dict) and it.get(field)):
                if first or node[field]["nodes"]:
                    first.append(node[field]["pageInfo"]["endCursor"])
                    node[field]["pageInfo"] = {"hasNextPage": True, "endCursor": first[0]}

    said: list[str] = []
    with GitHubDouble(built.world, faults=[changing(repeat, "Details")]) as double:
        summary = built.crawl(tmp_path, double, warn=said.append)
        assert len(double.requests) <= 8
    if field == "list":  # only pull 2 has more references than its page shows
        assert (summary.rejected["malformed-pull"], said) == (1, [])
    else:
        assert f"{REPO}#1002: later comments are missing" in "".join(said)


def test_rate_limits_that_are_null_are_no_reason_to_stop(
    built: ServedProject, expected: Any, tmp_path: Path
) -> None:
    nulls = [lambda body: body["data"].update(rateLimit=None)]
    nulls += [lambda body: body["data"].update(rateLimit={"cost": None, "remaining": "many"})]
    faults = [changing(it, name) for it, name in zip(nulls, ("Pulls", "Details"), strict=True)]
    with GitHubDouble(built.world, faults=faults) as double:
        built.crawl(tmp_path, double, waits=FakeClock())
    assert content(tmp_path)["candidates"] == expected["candidates"]


# -- text that cannot be stored -------------------------------------------------------------------

HALF = "a\ud83d b\ude00 c\0"
WHOLE = "a\ufffd b\ufffd c\ufffd"


def test_half_a_surrogate_and_nul_become_replacement_characters(
    built: ServedProject, tmp_path: Path
) -> None:
    served = built.fresh()
    issue = {"title": HALF, "body": HALF, "comments": [sample_comment(1, HALF, author=HALF)]}
    served.data.pulls[2] |= {"title": HALF, "body": HALF, "author": HALF, "baseRefName": HALF}
    served.data.pulls[3] |= {"title": f"{HALF} \U0001f600"}
    served.data.issues[1002] |= issue
    with GitHubDouble(served.world) as double:
        assert served.crawl(tmp_path, double).candidates == FIT
    with Store(tmp_path) as store:
        pulls = {pull.number: pull for pull in store.iter_pulls(REPO)}
        stored, made = store.get_issue(REPO, 1002), store.get_candidate("some-owner__thing-2")
    first = pulls[2]
    assert {first.title, first.body, first.author, first.base_ref} == {WHOLE}
    assert pulls[3].title == f"{WHOLE} \U0001f600"
    assert isinstance(stored, Issue)
    assert (stored.title, stored.body) == (WHOLE, WHOLE)
    assert (stored.comments[0].body, stored.comments[0].author) == (WHOLE, WHOLE)
    assert made is not None
    assert made.problem_statement.startswith(f"{WHOLE}\n{WHOLE}\n")
