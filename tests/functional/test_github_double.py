"""The GitHub double, asked over real HTTP by PyGithub and by urllib."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import github
import pytest

from tests.doubles.github import GitHubDouble, World
from tests.doubles.github.data import Repository
from tests.doubles.github.samples import (
    oid,
    sample_comment,
    sample_commit,
    sample_issue,
    sample_pull,
    sample_repository,
    stamp,
)

Answered = tuple[int, Any, dict[str, Any]]  # status, headers and body


NAME = "owner/name"
PULLS = """
query Pulls($first: Int, $last: Int, $after: String, $before: String,
            $states: [PullRequestState!], $order: IssueOrder) {
  rateLimit { cost limit remaining used nodeCount resetAt }
  repository(owner: "owner", name: "name") {
    pullRequests(first: $first, last: $last, after: $after, before: $before,
                 states: $states, orderBy: $order) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      nodes { number title state mergedAt mergeCommit { oid } author { login }
              closingIssuesReferences(first: 10) { nodes { number } } }
    }
  }
}
"""


def ask(
    double: GitHubDouble,
    query: str,
    variables: Mapping[str, Any] | None = None,
    *,
    token: str = "",
    name: str | None = None,
) -> Answered:
    """POST a query; returns status, headers and body."""
    body = {"query": query, "variables": variables or {}, "operationName": name}
    return send(f"{double.url}/graphql", json.dumps(body).encode(), token)


def send(url: str, body: bytes | None = None, token: str = "") -> Answered:
    request = urllib.request.Request(url, data=body, headers={"authorization": f"bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, json.load(error)


def pages(double: GitHubDouble, **variables: Any) -> Iterator[list[int]]:
    """Numbers page by page, forward."""
    while True:
        _, _, body = ask(double, PULLS, variables)
        page = body["data"]["repository"]["pullRequests"]
        yield [it["number"] for it in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return
        variables["after"] = page["pageInfo"]["endCursor"]


@pytest.fixture
def world() -> World:
    return World(sample_repository(NAME, 7))


@pytest.fixture
def double(world: World) -> Iterator[GitHubDouble]:
    with GitHubDouble(world) as running:
        yield running


def test_pygithub_crawls_a_thousand_pulls() -> None:
    with GitHubDouble(World(sample_repository(NAME, 1000)), token="secret") as double:
        client = github.Github(
            base_url=double.url, auth=github.Auth.Token("secret"), seconds_between_writes=None
        )
        seen, after = [], None
        for _ in range(10):
            variables = {"first": 100, "after": after, "states": ["MERGED"]}
            headers, body = client.requester.graphql_query(PULLS, variables)
            page = body["data"]["repository"]["pullRequests"]
            seen += [it["number"] for it in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
        assert not page["pageInfo"]["hasNextPage"]
    assert seen == list(range(2, 2001, 2))
    assert headers["x-ratelimit-remaining"] == str(5000 - double.points)
    assert [it.points for it in double.requests] == [1] * 10
    assert {it.operation for it in double.requests} == {"Pulls"}


def test_pygithub_reads_the_repository_and_the_limits(world: World) -> None:
    world[NAME].facts.update(defaultBranch="trunk", license="MIT", formerNames=["old/name"])
    world.add(world[NAME])
    with GitHubDouble(world) as double:
        client = github.Github(base_url=double.url, seconds_between_requests=None)
        assert client.get_repo(NAME).default_branch == "trunk"
        assert client.get_repo("old/name").full_name == NAME
        assert client.get_rate_limit().resources.graphql.remaining == 5000
        with pytest.raises(github.UnknownObjectException):
            client.get_repo("owner/missing")


def test_paging_forward_and_backward_sees_every_pull_once(double: GitHubDouble) -> None:
    assert list(pages(double, first=3)) == [[2, 4, 6], [8, 10, 12], [14]]
    _, _, body = ask(double, PULLS, {"last": 2})
    page = body["data"]["repository"]["pullRequests"]
    assert [it["number"] for it in page["nodes"]] == [12, 14]
    assert page["pageInfo"]["hasPreviousPage"] and not page["pageInfo"]["hasNextPage"]
    _, _, body = ask(double, PULLS, {"last": 2, "before": page["pageInfo"]["startCursor"]})
    page = body["data"]["repository"]["pullRequests"]
    assert [it["number"] for it in page["nodes"]] == [8, 10]
    assert page["totalCount"] == 7


def test_order_by_update_descending(double: GitHubDouble, world: World) -> None:
    world[NAME].pulls[4]["updatedAt"] = stamp(10_000)
    order = {"field": "UPDATED_AT", "direction": "DESC"}
    assert list(pages(double, first=4, order=order)) == [[4, 14, 12, 10], [8, 6, 2]]


def test_a_pull_that_moves_between_pages_does_not_shift_the_others(
    double: GitHubDouble, world: World
) -> None:
    order = {"field": "UPDATED_AT", "direction": "DESC"}
    walk = pages(double, first=3, order=order)
    assert next(walk) == [14, 12, 10]
    world[NAME].pulls[2]["updatedAt"] = stamp(10_000)
    assert list(walk) == [[8, 6, 4]]


def test_states_are_filtered(double: GitHubDouble, world: World) -> None:
    world[NAME].pulls[4].update(state="CLOSED", mergedAt=None, mergeCommit=None)
    world[NAME].pulls[6].update(state="OPEN", mergedAt=None, mergeCommit=None)
    assert list(pages(double, first=10, states=["MERGED"])) == [[2, 8, 10, 12, 14]]
    assert list(pages(double, first=10, states=["OPEN", "CLOSED"])) == [[4, 6]]


def test_aliases_bring_commits_and_comments_of_several_pulls(
    double: GitHubDouble, world: World
) -> None:
    repository = world[NAME]
    commits = [sample_commit(20, at, message=f"Step {at}\n\nFixes #1") for at in range(3)]
    repository.pulls[20] = sample_pull(20, commits=commits)
    repository.issues[1]["comments"] = [sample_comment(1, "first"), sample_comment(2, "last", None)]
    fields = "commits(last: 2) { totalCount nodes { commit { oid messageHeadline messageBody } } }"
    query = f"""{{ repository(owner: "Owner", name: "NAME") {{
        a: pullRequest(number: 20) {{ ...f }} b: pullRequest(number: 2) {{ ...f }}
        i: issue(number: 1) {{ comments(first: 5) {{ nodes {{ body author {{ login }} }} }} }} }} }}
        fragment f on PullRequest {{ number {fields} }}"""
    _, _, body = ask(double, query)
    found = body["data"]["repository"]
    assert found["a"]["commits"]["totalCount"] == 3
    assert found["a"]["commits"]["nodes"] == [
        {
            "commit": {
                "oid": oid("commit", 20, at),
                "messageHeadline": f"Step {at}",
                "messageBody": "Fixes #1",
            }
        }
        for at in (1, 2)
    ]
    assert found["b"]["number"] == 2
    assert found["i"]["comments"]["nodes"] == [
        {"body": "first", "author": {"login": "reporter"}},
        {"body": "last", "author": None},
    ]


def test_closing_references_may_lead_to_other_repositories(
    double: GitHubDouble, world: World
) -> None:
    world.add(Repository.of("other/lib", issues=[sample_issue(77)]))
    links = [{"repo": "other/lib", "number": 77}, {"repo": "not/there", "number": 1}]
    world[NAME].pulls[2]["closing"] = links
    query = """{ repository(owner: "owner", name: "name") { pullRequest(number: 2) {
        closingIssuesReferences(first: 9) { nodes { number repository { nameWithOwner } } } } } }"""
    _, _, body = ask(double, query)
    found = body["data"]["repository"]["pullRequest"]["closingIssuesReferences"]["nodes"]
    assert found == [{"number": 77, "repository": {"nameWithOwner": "other/lib"}}]


def test_a_number_may_be_a_pull_or_an_issue(double: GitHubDouble) -> None:
    query = """{ repository(owner: "owner", name: "name") {
        a: issueOrPullRequest(number: 1) { __typename ... on Issue { title } }
        b: issueOrPullRequest(number: 2) { __typename ... on PullRequest { merged url } } } }"""
    _, _, body = ask(double, query)
    found = body["data"]["repository"]
    assert found["a"] == {"__typename": "Issue", "title": "Issue 1"}
    url = f"https://github.com/{NAME}/pull/2"
    assert found["b"] == {"__typename": "PullRequest", "merged": True, "url": url}


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("pullRequest(number: 1) { number }", "a PullRequest with the number of 1"),
        ("issue(number: 2) { number }", "an Issue with the number of 2"),
    ],
)
def test_what_is_missing_is_null_and_an_error(
    double: GitHubDouble, field: str, message: str
) -> None:
    status, _, body = ask(double, f'{{ repository(owner: "owner", name: "name") {{ {field} }} }}')
    name = field.partition("(")[0]
    assert status == 200
    assert body["data"] == {"repository": {name: None}}
    assert body["errors"] == [
        {
            "type": "NOT_FOUND",
            "path": ["repository", name],
            "locations": [{"line": 1, "column": 46}],
            "message": f"Could not resolve to {message}.",
        }
    ]


def test_a_missing_repository_is_null_and_an_error(double: GitHubDouble) -> None:
    status, _, body = ask(double, '{ repository(owner: "owner", name: "gone") { name } }')
    assert (status, body["data"]) == (200, {"repository": None})
    assert body["errors"][0]["type"] == "NOT_FOUND"
    message = "Could not resolve to a Repository with the name 'owner/gone'."
    assert body["errors"][0]["message"] == message


def test_a_bad_token_is_told_so(world: World) -> None:
    with GitHubDouble(world, token={"good", "better"}) as double:
        assert ask(double, "{ viewer { login } }", token="better")[0] == 200
        status, _, body = ask(double, "{ viewer { login } }", token="bad")
        assert (status, body["message"]) == (401, "Bad credentials")
        assert send(f"{double.url}/rate_limit", token="bad")[0] == 401
    assert [it.status for it in double.requests] == [200, 401, 401]


@pytest.mark.parametrize(
    ("field", "kind", "words"),
    [
        ("nonsense", None, "Field 'nonsense' doesn't exist on type 'Repository'"),
        ("name }", None, "Syntax Error"),
        ("issues { totalCount }", "MISSING_PAGINATION_BOUNDARIES", "`issues` connection"),
        ("issues(last: 101) { totalCount }", "EXCESSIVE_PAGINATION", "Requesting 101 records"),
        ('issues(first: 1, after: "x") { totalCount }', "INVALID_CURSOR_ARGUMENTS", "`x` does not"),
    ],
)
def test_queries_github_would_refuse(
    double: GitHubDouble, field: str, kind: str | None, words: str
) -> None:
    query = f'{{ repository(owner: "owner", name: "name") {{ {field} }} }}'
    status, _, body = ask(double, query)
    assert (status, body["errors"][0].get("type")) == (200, kind)
    assert words in body["errors"][0]["message"]
    assert not body.get("data") or kind == "INVALID_CURSOR_ARGUMENTS"


def test_too_many_nodes_are_refused_and_cost_nothing(double: GitHubDouble) -> None:
    deep = """{ repository(owner: "owner", name: "name") { pullRequests(first: 100) { nodes {
        commits(first: 100) { nodes { commit { oid } } } } } issues(first: 100) { nodes {
        a: comments(first: 100) { nodes { body } }
        b: comments(first: 100) { nodes { body } } } } } }"""
    _, _, body = ask(double, deep)
    assert "errors" not in body
    closing = (
        "closingIssuesReferences(first: 51) { nodes { comments(first: 100) { nodes { id } } } }"
    )
    too_deep = deep.replace("commits(", closing + " commits(", 1)
    before = double.points
    _, _, body = ask(double, too_deep)
    assert body["errors"][0]["type"] == "MAX_NODE_LIMIT_EXCEEDED"
    assert "545,300 possible nodes" in body["errors"][0]["message"]
    assert "data" not in body
    assert double.points == before


def test_points_run_out_and_come_back(world: World) -> None:
    with GitHubDouble(world, budget=2, window=1.0) as double:
        assert "errors" not in ask(double, PULLS, {"first": 1})[2]
        _, headers, body = ask(double, PULLS, {"first": 1})
        assert headers["x-ratelimit-remaining"] == "0"
        assert body["data"]["rateLimit"]["remaining"] == 0
        status, headers, body = ask(double, PULLS, {"first": 1})
        assert (status, body["errors"][0]["type"]) == (200, "RATE_LIMITED")
        assert float(headers["x-ratelimit-reset"]) >= time.time()
        time.sleep(1.05)
        assert "errors" not in ask(double, PULLS, {"first": 1})[2]
    assert double.points == 3


def test_each_token_has_its_own_points(world: World) -> None:
    with GitHubDouble(world, budget=1) as double:
        for token in ("a", "b"):
            assert "errors" not in ask(double, PULLS, {"first": 1}, token=token)[2]
        double.ledger("c").exhaust()
        assert "errors" in ask(double, PULLS, {"first": 1}, token="c")[2]


def test_the_log_tells_what_was_asked(double: GitHubDouble) -> None:
    ask(double, PULLS, {"first": 50}, name="Pulls")
    send(f"{double.url}/repos/{NAME}")
    first, second = double.requests
    assert (first.index, first.operation, first.page) == (0, "Pulls", 50)
    assert (first.points, first.nodes) == (1, 50 + 50 * 10)
    assert (second.index, second.path) == (-1, f"/repos/{NAME}")
    assert double.graphql_requests == [first]


def test_a_world_survives_its_files(tmp_path: Path, world: World) -> None:
    world[NAME].save(tmp_path / "one")
    again = World.load(tmp_path)
    assert again[NAME] == world[NAME]
    assert World.load(tmp_path / "one" / "pulls.jsonl")[NAME] == world[NAME]
    with pytest.raises(FileNotFoundError):
        World.load(tmp_path / "two")


EDITS = """
query {
  repository(owner: "owner", name: "name") { issue(number: 1) {
    id lastEditedAt includesCreatedEdit
    userContentEdits(first: 2) { ...Versions }
    timelineItems(first: 5, itemTypes: [RENAMED_TITLE_EVENT]) {
      totalCount nodes { ... on RenamedTitleEvent { createdAt previousTitle currentTitle } }
    }
    comments(first: 5) { nodes { id lastEditedAt userContentEdits(first: 1) { totalCount } } }
  } }
}
fragment Versions on UserContentEditConnection {
  totalCount pageInfo { hasNextPage endCursor } nodes { editedAt deletedAt diff }
}
"""
NODE = """
query($id: ID!, $cursor: String) {
  node(id: $id) { __typename id ... on Comment {
    body userContentEdits(first: 2, after: $cursor) { pageInfo { hasNextPage endCursor }
      nodes { editedAt deletedAt diff } }
  } }
}
"""


def test_edits_are_listed_newest_first_and_page_by_page(double: GitHubDouble, world: World) -> None:
    texts = [{"editedAt": stamp(24 + n), "diff": f"v{n}"} for n in range(3)]
    texts[1]["deletedAt"] = stamp(90)
    renames = [{"createdAt": stamp(30), "previousTitle": "a", "currentTitle": "b"}]
    comments = [sample_comment(40, "plain"), sample_comment(41, "v2") | {"edits": texts}]
    world[NAME].issues[1] |= {"edits": texts, "renames": renames, "comments": comments}
    issue = ask(double, EDITS)[2]["data"]["repository"]["issue"]
    assert (issue["lastEditedAt"], issue["includesCreatedEdit"]) == (stamp(26), True)
    assert issue["timelineItems"] == {"totalCount": 1, "nodes": renames}
    edits = issue["userContentEdits"]
    assert (edits["totalCount"], edits["pageInfo"]["hasNextPage"]) == (3, True)
    assert [it["diff"] for it in edits["nodes"]] == ["v2", None]
    assert edits["nodes"][1]["deletedAt"] == stamp(90)
    plain, edited = issue["comments"]["nodes"]
    assert (plain["lastEditedAt"], plain["userContentEdits"]["totalCount"]) == (None, 0)
    after = {"id": issue["id"], "cursor": edits["pageInfo"]["endCursor"]}
    rest = ask(double, NODE, after)[2]["data"]["node"]
    assert [it["diff"] for it in rest["userContentEdits"]["nodes"]] == ["v0"]
    comment = ask(double, NODE, {"id": edited["id"]})[2]["data"]["node"]
    assert (comment["__typename"], comment["id"], comment["body"]) == (
        "IssueComment",
        edited["id"],
        "v2",
    )


def test_a_transferred_issue_is_found_at_its_old_number(double: GitHubDouble, world: World) -> None:
    world.add(Repository.of("other/place"))
    query = """{ repository(owner: "owner", name: "name") {
      issue(number: 1) { ...I } issueOrPullRequest(number: 1) { ...I }
      pullRequest(number: 2) { closingIssuesReferences(first: 5) { nodes { ...I } } } } }
    fragment I on Issue { id number url repository { nameWithOwner } }"""
    before = ask(double, query)[2]["data"]["repository"]["issue"]
    world.transfer(NAME, 1, "other/place", 7)
    found = ask(double, query)[2]["data"]["repository"]
    issue = found["issue"]
    assert (issue["number"], issue["repository"]["nameWithOwner"]) == (7, "other/place")
    assert issue["id"] != before["id"]
    assert found["issueOrPullRequest"] == issue
    assert found["pullRequest"]["closingIssuesReferences"]["nodes"] == [issue]


def test_a_rename_keeps_the_ids(double: GitHubDouble, world: World) -> None:
    query = """{ repository(owner: "owner", name: "name") { id issue(number: 1) { id } } }"""
    before = ask(double, query)[2]["data"]
    world.rename(NAME, "owner/new")
    assert ask(double, query)[2]["data"] == before
    number = ask(double, NODE, {"id": before["repository"]["issue"]["id"]})[2]["data"]["node"]
    assert number["__typename"] == "Issue"
