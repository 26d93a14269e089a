"""Merged pulls of a repository, page by page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from builders.rfc3339 import parse_rfc3339
from curate.core.errors import BadInput, NotFound
from curate.core.model import IssueRef, PullRequest
from curate.core.names import canonical
from curate.github import queries
from curate.github.client import Data, GitHubClient
from curate.github.page_size import BatchSize

LARGEST_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class PullPage:
    """A page, where the next one starts, and what GitHub says of the whole list."""

    pulls: tuple[PullRequest, ...]
    cursor: str | None  # None on an empty page
    more: bool
    total: int
    newest_update: datetime | None  # of all merged pulls, when the page was made
    newest_issue: datetime | None  # update of the issue updated last, when the page was made


def pull_pages(
    client: GitHubClient,
    repo: str,
    *,
    cursor: str | None = None,
    newest_first: bool = False,
    largest: int = LARGEST_PAGE,
) -> Iterator[PullPage]:
    """Pages of merged pulls, by creation; with *newest_first* by update, the latest first.

    Pages start at *largest* pulls, halve to no less than 5 after trouble and grow back. Raises
    `NotFound` for an unknown repository, and what `GitHubClient.query` raises.
    """
    owner, name = owner_and_name(repo)
    size = BatchSize(largest)
    order = ("UPDATED_AT", "DESC") if newest_first else ("CREATED_AT", "ASC")
    fixed = {"owner": owner, "name": name, "field": order[0], "direction": order[1]}
    more = True
    while more:
        ask = partial(_asked, fixed, size, cursor)
        data = client.query_sized(ask, size.shrink)
        size.succeeded()
        page = parsed_page(data, repo)
        cursor, more = page.cursor or cursor, page.more
        yield page


def _asked(
    fixed: Mapping[str, str], size: BatchSize, cursor: str | None
) -> tuple[str, Mapping[str, Any]]:
    return queries.PULLS, {**fixed, "size": size.value, "cursor": cursor}


def owner_and_name(repo: str) -> tuple[str, str]:
    """Both halves of "owner/name"; raises `BadInput` for anything else."""
    owner, _, name = repo.partition("/")
    if not owner or not name or "/" in name:
        raise BadInput(f"{repo!r} is no repository.", hint="Write it as owner/name.")
    return owner, name


def no_repository(repo: str) -> NotFound:
    """Say that a repository is not, or no longer, there."""
    return NotFound(f"GitHub has no repository {repo}.", hint="Check the name and the token.")


def parsed_page(data: Data, repo: str) -> PullPage:
    """Read the answer to `queries.PULLS`."""
    repository = data.get("repository")
    if repository is None:
        raise no_repository(repo)
    connection = repository["pulls"]
    names = {repository["nameWithOwner"].casefold(): repo}
    return PullPage(
        pulls=tuple(parsed_pull(node, repo, names) for node in connection["nodes"] if node),
        cursor=connection["pageInfo"]["endCursor"],
        more=connection["pageInfo"]["hasNextPage"],
        total=connection["totalCount"],
        newest_update=_newest(repository["newest"]),
        newest_issue=_newest(repository["newestIssue"]),
    )


def _newest(connection: Mapping[str, Any]) -> datetime | None:
    updates = [node["updatedAt"] for node in connection["nodes"] or () if node]
    return parse_rfc3339(updates[0]) if updates else None


def parsed_pull(node: Data, repo: str, names: Mapping[str, str] | None = None) -> PullRequest:
    """Read one pull; *names* maps spellings of repositories (folded) to the ones we use."""
    references_page = node["closingIssuesReferences"] or {"nodes": (), "pageInfo": {}}
    info = {"hasNextPage": False, "endCursor": None} | references_page["pageInfo"]
    return PullRequest(
        repo=repo,
        number=node["number"],
        title=node["title"],
        body=node["body"] or "",
        created_at=parse_rfc3339(node["createdAt"]),
        updated_at=parse_rfc3339(node["updatedAt"]),
        merged_at=parse_rfc3339(node["mergedAt"]),
        base_ref=node["baseRefName"],
        base_oid=node["baseRefOid"],
        head_oid=node["headRefOid"],
        merge_oid=(node["mergeCommit"] or {}).get("oid"),
        author=(node["author"] or {}).get("login", ""),
        closing=references(references_page, repo, names),
        closing_cursor=info["endCursor"] if info["hasNextPage"] else None,
    )


def references(
    connection: Mapping[str, Any], repo: str, names: Mapping[str, str] | None = None
) -> tuple[IssueRef, ...]:
    """Issues of a page of `closingIssuesReferences`; *names* as for `parsed_pull`."""
    found = []
    for node in connection.get("nodes") or ():
        if node:
            name = node["repository"]["nameWithOwner"]
            name = (names or {}).get(name.casefold(), canonical(name, repo))
            found.append(IssueRef(repo=name, number=node["number"]))
    return tuple(found)
