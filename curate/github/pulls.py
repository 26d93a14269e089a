"""Merged pull requests of a repository, page by page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from curate.builders.rfc3339 import parse_rfc3339
from curate.core.errors import AuthenticationError, ConfigurationError, NotFoundError
from curate.core.model import IssueRef, PullRequest
from curate.core.names import is_repo_name, normalize_repo_name
from curate.github import queries
from curate.github.answers import PageCursors, checking_answer, parse_record, read_number
from curate.github.client import GitHubClient, JsonObject, QueryResult
from curate.github.errors import access_denied
from curate.github.page_size import AdaptivePageSize
from curate.github.retry import MalformedAnswerError

LARGEST_PAGE = 100
_UNKNOWN_TIME = datetime.max.replace(tzinfo=UTC)  # later than any watermark


@dataclass(frozen=True, kw_only=True)
class PullPage:
    """One page of PRs, the cursor of the next one, and facts about the whole list."""

    pulls: tuple[PullRequest, ...]
    cursor: str | None  # None on an empty page
    has_next_page: bool
    total_count: int
    newest_update: datetime | None  # newest updatedAt of all merged PRs at request time
    newest_issue: datetime | None  # newest updatedAt of all issues at request time
    name: str  # "owner/name" as GitHub has it, which differs from the requested one after a rename
    last_number: int  # of all issues and PRs, which share one sequence
    known_numbers: int  # how many of the sequence are issues or PRs
    skipped: tuple[str, ...] = ()  # what was wrong with PRs that have no number


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
    `NotFoundError` for an unknown repository, and what `GitHubClient.query_adaptive` raises.
    """
    owner, name = split_repo(repo)
    size, cursors = AdaptivePageSize(largest), PageCursors(cursor)
    order = ("UPDATED_AT", "DESC") if newest_first else ("CREATED_AT", "ASC")
    fixed = {"owner": owner, "name": name, "field": order[0], "direction": order[1]}
    more = True
    while more:
        make_request = partial(_make_request, fixed, size, cursor)
        parse = partial(parse_page, repo=repo, cursors=cursors)
        page = client.query_adaptive(make_request, size.shrink, parse)
        size.record_success()
        for reason in page.skipped:
            client.warn(f"{repo}: skipped a pull request without a number. {reason}")
        cursor, more = page.cursor or cursor, page.has_next_page
        cursors.add(cursor)
        yield page


def _make_request(
    fixed: Mapping[str, str], size: AdaptivePageSize, cursor: str | None
) -> tuple[str, Mapping[str, Any]]:
    return queries.PULLS, {**fixed, "size": size.value, "cursor": cursor}


_HINT = "Write it as OWNER/NAME, or as its address on GitHub."


def split_repo(repo: str) -> tuple[str, str]:
    """Return owner and name of "owner/name"; raises `ConfigurationError` for anything else."""
    if not is_repo_name(repo):
        raise ConfigurationError(f"Invalid repository {repo!r}.", hint=_HINT)
    owner, _, name = repo.partition("/")
    return owner, name


def repository_not_found(repo: str, denial: str = "") -> NotFoundError | AuthenticationError:
    """Return the error for a repository that does not exist or is not visible to the token.

    *denial* is what GitHub says if it may not be read.
    """
    if denial:
        return access_denied(denial, repo)
    return NotFoundError(
        f"Repository {repo} not found on GitHub.",
        hint="Check the name, and whether the token may read it.",
    )


def parse_page(result: QueryResult, repo: str, cursors: PageCursors) -> PullPage:
    """Parse the response to `queries.PULLS`; a PR that is not as documented is `malformed`."""
    repository = result.data["repository"] if result.data else None
    if repository is None:
        raise repository_not_found(repo, result.denials.get("repository", ""))
    return parse_record(_parse_page, repository, repo, cursors)


def _parse_page(repository: JsonObject, repo: str, cursors: PageCursors) -> PullPage:
    connection = repository["pulls"]
    names = {repository["nameWithOwner"].casefold(): repo}
    last = repository["lastIssue"], repository["lastPull"]
    found, skipped = [], []
    for node in connection["nodes"]:
        if node:
            try:
                with checking_answer(node):
                    found.append(parse_any_pull(node, repo, names))
            except MalformedAnswerError as error:
                skipped.append(str(error))
    next_cursor = cursors.find_next(connection)
    return PullPage(
        pulls=tuple(found),
        cursor=next_cursor or connection["pageInfo"]["endCursor"],
        has_next_page=next_cursor is not None,
        total_count=connection["totalCount"],
        newest_update=_newest_update_time(repository["newest"]),
        newest_issue=_newest_update_time(repository["newestIssue"]),
        name=repository["nameWithOwner"],
        last_number=max((it["number"] for page in last for it in page["nodes"] if it), default=0),
        known_numbers=sum(it["totalCount"] for it in last),
        skipped=tuple(skipped),
    )


def parse_any_pull(node: JsonObject, repo: str, names: Mapping[str, str]) -> PullRequest:
    """Parse one PR; if it is not as documented, with stand-ins that keep it in every list."""
    try:
        return parse_record(parse_pull, node, repo, names)
    except MalformedAnswerError as error:
        title = node.get("title")
        return PullRequest(
            repo=repo,
            number=read_number(node),
            title=title if isinstance(title, str) else "",
            body="",
            created_at=_UNKNOWN_TIME,
            updated_at=_UNKNOWN_TIME,
            merged_at=_UNKNOWN_TIME,
            base_ref="",
            base_commit="",
            head_commit="",
            merge_commit=None,
            malformed=str(error),
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
        number=read_number(node),
        title=node["title"],
        body=node["body"] or "",
        created_at=parse_rfc3339(node["createdAt"]),
        updated_at=parse_rfc3339(node["updatedAt"]),
        merged_at=parse_rfc3339(node["mergedAt"]),
        base_ref=node["baseRefName"] or "",
        base_commit=node["baseRefOid"] or "",
        head_commit=node["headRefOid"] or "",
        merge_commit=(node["mergeCommit"] or {}).get("oid"),
        author=(node["author"] or {}).get("login") or "",
        closing=parse_closing_issues(references_page, repo, names),
        closing_cursor=PageCursors().find_next(references_page | {"pageInfo": info}),
    )


def parse_closing_issues(
    connection: Mapping[str, Any], repo: str, names: Mapping[str, str] | None = None
) -> tuple[IssueRef, ...]:
    """Parse a page of `closingIssuesReferences`; *names* as for `parse_pull`."""
    found = []
    for node in connection["nodes"]:
        if node and node["repository"]:  # null if it is private
            name = node["repository"]["nameWithOwner"]
            name = (names or {}).get(name.casefold(), normalize_repo_name(name, repo))
            found.append(IssueRef(repo=name, number=read_number(node)))
    return tuple(found)
