"""The text of issues, many in a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from curate.github import queries
from curate.github.batches import BatchSize
from curate.github.client import Data, GitHubClient
from curate.github.pulls import instant, owner_and_name
from curate.model import Comment, Issue, IssueRef

LARGEST_BATCH = 50

IS_A_PULL = "is-a-pull"
NOT_FOUND = "not-found"


@dataclass(frozen=True, kw_only=True)
class IssueBatch:
    """What was found, and for the rest why it is missing: `IS_A_PULL` or `NOT_FOUND`."""

    issues: tuple[Issue, ...]
    missing: Mapping[tuple[str, int], str]


def fetch_issues(
    client: GitHubClient, wanted: Sequence[IssueRef], *, size: BatchSize | None = None
) -> IssueBatch:
    """Issues with all their comments; every one of *wanted* is in the result once.

    Raises what `GitHubClient.query` raises.
    """
    size = size or BatchSize(LARGEST_BATCH, smallest=1)
    left = list(dict.fromkeys(wanted))
    issues: list[Issue] = []
    missing: dict[tuple[str, int], str] = {}
    while left:
        answers = _answers(client, left, size)
        for ref, node in answers.items():
            if node is None:
                missing[ref.repo, ref.number] = NOT_FOUND
            elif node["__typename"] != "Issue":
                missing[ref.repo, ref.number] = IS_A_PULL
            else:
                issues.append(_complete(client, parsed_issue(node, ref), node["comments"]))
        left = left[len(answers) :]
    return IssueBatch(issues=tuple(issues), missing=missing)


def parsed_issue(node: Data, ref: IssueRef) -> Issue:
    """Read one issue with the comments that came along."""
    return Issue(
        repo=ref.repo,
        number=ref.number,
        title=node["title"],
        body=node["body"] or "",
        created_at=instant(node["createdAt"]),
        updated_at=instant(node["updatedAt"]),
        comments=_comments(node["comments"]),
    )


def _answers(
    client: GitHubClient, left: Sequence[IssueRef], size: BatchSize
) -> dict[IssueRef, Data | None]:
    """Nodes of the first of *left*, as many as one request brings."""
    aliases: Mapping[str, IssueRef] = {}

    def ask() -> tuple[str, Mapping[str, Any]]:
        nonlocal aliases
        document, aliases = queries.issues(left[: size.value])
        return document, {}

    data = client.query_sized(ask, size.shrink)
    size.succeeded()
    return {ref: (data.get(alias.split("_")[0]) or {}).get(alias) for alias, ref in aliases.items()}


def _complete(client: GitHubClient, issue: Issue, connection: Mapping[str, Any]) -> Issue:
    """*issue* with the comments behind the first page of them."""
    owner, name = owner_and_name(issue.repo)
    comments = list(issue.comments)
    while connection["pageInfo"]["hasNextPage"]:
        cursor = connection["pageInfo"]["endCursor"]
        variables = {"owner": owner, "name": name, "number": issue.number, "cursor": cursor}
        found = (client.query(queries.COMMENTS, variables)["repository"] or {}).get("issue")
        if not found:
            break
        connection = found["comments"]
        comments += _comments(connection)
    return replace(issue, comments=tuple(comments))


def _comments(connection: Mapping[str, Any]) -> tuple[Comment, ...]:
    return tuple(
        Comment(
            created_at=instant(node["createdAt"]),
            body=node["body"] or "",
            author=(node["author"] or {}).get("login", ""),
        )
        for node in connection["nodes"] or ()
        if node
    )
