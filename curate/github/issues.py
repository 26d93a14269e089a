"""Issues: their text, many in a request, and which of them changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from builders.rfc3339 import format_rfc3339, parse_rfc3339
from curate.core.model import Comment, Issue, IssueRef
from curate.github import queries
from curate.github.batch_query import LARGEST_BATCH, asked
from curate.github.client import Data, GitHubClient
from curate.github.page_size import BatchSize
from curate.github.pulls import no_repository, owner_and_name

IS_A_PULL = "is-a-pull"
NOT_FOUND = "not-found"

Updates = dict[IssueRef, datetime | None]
"""When issues were last updated; None for what is no issue."""


@dataclass(frozen=True, kw_only=True)
class IssueBatch:
    """What was found, and for the rest why it is missing: `IS_A_PULL` or `NOT_FOUND`."""

    issues: tuple[Issue, ...]
    missing: Mapping[tuple[str, int], str]


def issue_batches(
    client: GitHubClient, wanted: Sequence[IssueRef], *, home: str = ""
) -> Iterator[IssueBatch]:
    """Issues with all their comments; every one of *wanted* is in one batch once.

    Raises what `GitHubClient.query` raises, and `NotFound` when the repository *home* is gone.
    """
    size = BatchSize(LARGEST_BATCH, smallest=1)
    refs = list(dict.fromkeys(wanted))
    done = 0
    for answers in asked(client, [queries.issue(ref) for ref in refs], size, home=home):
        nodes = [node for _, node in answers]
        yield _batch(client, dict(zip(refs[done:], nodes, strict=False)), size)
        done += len(nodes)


def updates(client: GitHubClient, wanted: Sequence[IssueRef]) -> Updates:
    """When each of *wanted* was last updated, a hundred in a request."""
    size = BatchSize(queries.LARGEST, smallest=1)
    batches = asked(client, [queries.update(ref) for ref in wanted], size)
    nodes = [node for batch in batches for _, node in batch]
    return {ref: _updated(node) for ref, node in zip(wanted, nodes, strict=True)}


def changed_issues(client: GitHubClient, repo: str, since: datetime) -> Iterator[Updates]:
    """Pages of the issues of *repo* updated at or after *since*, the oldest update first."""
    owner, name = owner_and_name(repo)
    size = BatchSize(queries.LARGEST)
    cursor: str | None = None
    more = True
    while more:
        fixed = {
            "owner": owner,
            "name": name,
            "since": format_rfc3339(since, timespec="auto"),
            "cursor": cursor,
        }
        data = client.query_sized(
            lambda: (queries.CHANGED, {**fixed, "size": size.value}),  # noqa: B023
            size.shrink,
        )
        size.succeeded()
        if data["repository"] is None:
            raise no_repository(repo)
        page = data["repository"]["issues"]
        found = [node for node in page["nodes"] if node]
        yield {IssueRef(repo=repo, number=it["number"]): _updated(it) for it in found}
        cursor, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]


def parsed_issue(node: Data, ref: IssueRef) -> Issue:
    """Read one issue with the comments that came along."""
    return Issue(
        repo=ref.repo,
        number=ref.number,
        title=node["title"],
        body=node["body"] or "",
        created_at=parse_rfc3339(node["createdAt"]),
        updated_at=parse_rfc3339(node["updatedAt"]),
        comments=_comments(node["comments"]),
    )


def _batch(
    client: GitHubClient, nodes: Mapping[IssueRef, Data | None], size: BatchSize
) -> IssueBatch:
    missing: dict[tuple[str, int], str] = {}
    found: dict[IssueRef, Issue] = {}
    rest: dict[IssueRef, str] = {}
    for ref, node in nodes.items():
        if node is None:
            missing[ref.repo, ref.number] = NOT_FOUND
        elif node["__typename"] != "Issue":
            missing[ref.repo, ref.number] = IS_A_PULL
        else:
            found[ref] = parsed_issue(node, ref)
            rest |= _behind(ref, node["comments"])
    _complete(client, found, rest, size)
    return IssueBatch(issues=tuple(found.values()), missing=missing)


def _complete(
    client: GitHubClient, found: dict[IssueRef, Issue], rest: dict[IssueRef, str], size: BatchSize
) -> None:
    """Add the comments behind the first page, of all issues at once; *rest* has the cursors."""
    while rest:
        refs, left = list(rest), [queries.comments(ref, at) for ref, at in rest.items()]
        rest = {}
        nodes = [node for batch in asked(client, left, size) for _, node in batch]
        for ref, node in zip(refs, nodes, strict=True):
            if node:
                comments = found[ref].comments + _comments(node["comments"])
                found[ref] = replace(found[ref], comments=comments)
                rest |= _behind(ref, node["comments"])


def _behind(ref: IssueRef, connection: Data) -> dict[IssueRef, str]:
    info = connection["pageInfo"]
    return {ref: info["endCursor"]} if info["hasNextPage"] else {}


def _updated(node: Data | None) -> datetime | None:
    return parse_rfc3339(node["updatedAt"]) if node and node.get("updatedAt") else None


def _comments(connection: Data) -> tuple[Comment, ...]:
    return tuple(
        Comment(
            created_at=parse_rfc3339(node["createdAt"]),
            body=node["body"] or "",
            author=(node["author"] or {}).get("login", ""),
        )
        for node in connection["nodes"] or ()
        if node
    )
