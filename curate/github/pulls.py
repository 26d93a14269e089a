"""Merged pull requests of a repository, page by page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from curate.builders.rfc3339 import parse_rfc3339
from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.model import IssueRef, PullRequest
from curate.core.names import is_repo_name, normalize_repo_name
from curate.github import queries
from curate.github.client import GitHubClient, JsonObject
from curate.github.page_size import AdaptivePageSize

LARGEST_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class PullPage:
    """One page of PRs, the cursor of the next one, and facts about the whole list."""

    pulls: tuple[PullRequest, ...]
    cursor: str | None  # None on an empty page
    has_next_page: bool
    total_count: int
    newest_update: datetime | None  # newest updatedAt of all merged PRs at request time
    newest_issue: datetime | None  # newest updatedAt of all issues at request time


def fetch_pull_pages(
    client: GitHubClient,
    repo: str,
    *,
    cursor: str | None = None,
    newest_first: bool = False,
    largest: int = LARGEST_PAGE,
) -> Iterator[PullPage]:
    """Fetch pages of merged PRs, oldest creation first; with *newest_first*, latest update first.

    The page size starts at *largest*, halves after failures (minimum 5) and grows back. Raises
    `NotFoundError` for an unknown repository, and what `GitHubClient.query` raises.
    """
    owner, name = split_repo(repo)
    size = AdaptivePageSize(largest)
    order = ("UPDATED_AT", "DESC") if newest_first else ("CREATED_AT", "ASC")
    fixed = {"owner": owner, "name": name, "field": order[0], "direction": order[1]}
    more = True
    while more:
        make_request = partial(_make_request, fixed, size, cursor)
        data = client.query_adaptive(make_request, size.shrink)
        size.record_success()
        page = parse_page(data, repo)
        cursor, more = page.cursor or cursor, page.has_next_page
        yield page


def _make_request(
    fixed: Mapping[str, str], size: AdaptivePageSize, cursor: str | None
) -> tuple[str, Mapping[str, Any]]:
    return queries.PULLS, {**fixed, "size": size.value, "cursor": cursor}


def split_repo(repo: str) -> tuple[str, str]:
    """Return owner and name of "owner/name"; raises `ConfigurationError` for anything else."""
    if not is_repo_name(repo):
        raise ConfigurationError(f"Invalid repository {repo!r}.", hint="Write it as OWNER/NAME.")
    owner, _, name = repo.partition("/")
    return owner, name


def repository_not_found(repo: str) -> NotFoundError:
    """Return the error for a repository that does not exist or is not visible to the token."""
    return NotFoundError(
        f"Repository {repo} not found on GitHub.",
        hint="Check the name, and whether the token may read it.",
    )


def parse_page(data: JsonObject, repo: str) -> PullPage:
    """Parse the response to `queries.PULLS`."""
    repository = data.get("repository")
    if repository is None:
        raise repository_not_found(repo)
    connection = repository["pulls"]
    names = {repository["nameWithOwner"].casefold(): repo}
    return PullPage(
        pulls=tuple(parse_pull(node, repo, names) for node in connection["nodes"] if node),
        cursor=connection["pageInfo"]["endCursor"],
        has_next_page=connection["pageInfo"]["hasNextPage"],
        total_count=connection["totalCount"],
        newest_update=_newest_update_time(repository["newest"]),
        newest_issue=_newest_update_time(repository["newestIssue"]),
    )


def _newest_update_time(connection: Mapping[str, Any]) -> datetime | None:
    updates = [node["updatedAt"] for node in connection["nodes"] or () if node]
    return parse_rfc3339(updates[0]) if updates else None


def parse_pull(node: JsonObject, repo: str, names: Mapping[str, str] | None = None) -> PullRequest:
    """Parse one PR; *names* maps case-folded repository names to the spelling to use."""
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
        base_commit=node["baseRefOid"],
        head_commit=node["headRefOid"],
        merge_commit=(node["mergeCommit"] or {}).get("oid"),
        author=(node["author"] or {}).get("login", ""),
        closing=parse_closing_issues(references_page, repo, names),
        closing_cursor=info["endCursor"] if info["hasNextPage"] else None,
    )


def parse_closing_issues(
    connection: Mapping[str, Any], repo: str, names: Mapping[str, str] | None = None
) -> tuple[IssueRef, ...]:
    """Parse a page of `closingIssuesReferences`; *names* as for `parse_pull`."""
    found = []
    for node in connection.get("nodes") or ():
        if node:
            name = node["repository"]["nameWithOwner"]
            name = (names or {}).get(name.casefold(), normalize_repo_name(name, repo))
            found.append(IssueRef(repo=name, number=node["number"]))
    return tuple(found)
