"""Issues: their texts, many per request, and which of them changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from curate.builders.rfc3339 import format_rfc3339, parse_rfc3339
from curate.core.model import Comment, Issue, IssueRef
from curate.github import queries
from curate.github.answers import (
    LIST_DOES_NOT_GO_ON,
    PageCursors,
    checking_answer,
    parse_record,
    read_number,
)
from curate.github.batch_query import LARGEST_BATCH, fetch_fields
from curate.github.client import GitHubClient, JsonObject, QueryResult
from curate.github.page_size import AdaptivePageSize
from curate.github.pulls import repository_not_found, split_repo
from curate.github.retry import MalformedAnswerError

IS_PULL_REQUEST = "is-a-pull"
NOT_FOUND = "not-found"
MALFORMED = "malformed"

UpdateTimes = dict[IssueRef, datetime | None]
"""`updatedAt` of issues; None for what is not an issue."""


@dataclass(frozen=True, kw_only=True)
class IssueBatch:
    """Issues, and for the others the reason: `IS_PULL_REQUEST`, `NOT_FOUND`, `MALFORMED`."""

    issues: tuple[Issue, ...]
    missing: Mapping[tuple[str, int], str]


def fetch_issues(
    client: GitHubClient, refs: Sequence[IssueRef], *, home: str = ""
) -> Iterator[IssueBatch]:
    """Fetch issues with all their comments; each of *refs* is in exactly one batch.

    Raises what `fetch_fields` raises.
    """
    size = AdaptivePageSize(LARGEST_BATCH, smallest=1)
    unique_refs = list(dict.fromkeys(refs))
    done = 0
    for answers in fetch_fields(
        client, [queries.issue_field(ref) for ref in unique_refs], size, home=home
    ):
        nodes = [node for _, node in answers]
        yield _make_batch(client, dict(zip(unique_refs[done:], nodes, strict=False)), size)
        done += len(nodes)


def fetch_update_times(client: GitHubClient, refs: Sequence[IssueRef]) -> UpdateTimes:
    """Fetch when each of *refs* was last updated, 100 per request."""
    size = AdaptivePageSize(queries.MAX_PAGE_SIZE, smallest=1)
    batches = fetch_fields(client, [queries.update_time_field(ref) for ref in refs], size)
    nodes = [node for batch in batches for _, node in batch]
    return {ref: _parse_update_time(node) for ref, node in zip(refs, nodes, strict=True)}


def fetch_changed_issues(client: GitHubClient, repo: str, since: datetime) -> Iterator[UpdateTimes]:
    """Fetch pages of the issues of *repo* updated at or after *since*, oldest update first."""
    owner, name = split_repo(repo)
    size, cursors = AdaptivePageSize(queries.MAX_PAGE_SIZE), PageCursors()
    cursor: str | None = None
    more = True
    while more:
        fixed = {
            "owner": owner,
            "name": name,
            "since": format_rfc3339(since, timespec="auto"),
            "cursor": cursor,
        }
        page, cursor = client.query_adaptive(
            lambda: (queries.CHANGED_ISSUES, {**fixed, "size": size.value}),  # noqa: B023
            size.shrink,
            lambda result: _parse_changed_issues(result, repo, cursors),
        )
        size.record_success()
        yield page
        cursors.add(cursor)
        more = cursor is not None


def _parse_changed_issues(
    result: QueryResult, repo: str, cursors: PageCursors
) -> tuple[UpdateTimes, str | None]:
    """Return the issues of a page, and the cursor of the next one."""
    repository = result.data["repository"] if result.data else None
    if repository is None:
        raise repository_not_found(repo, result.denials.get("repository", ""))
    page = repository["issues"]
    found = [node for node in page["nodes"] if node]
    times = {IssueRef(repo=repo, number=read_number(it)): _parse_update_time(it) for it in found}
    return times, cursors.find_next(page)


def parse_issue(node: JsonObject, ref: IssueRef) -> Issue:
    """Parse one issue and the first page of its comments."""
    if node["__typename"] != "Issue":
        raise ValueError(f"{node['__typename']!r} is no issue")
    return Issue(
        repo=ref.repo,
        number=ref.number,
        title=node["title"],
        body=node["body"] or "",
        created_at=parse_rfc3339(node["createdAt"]),
        updated_at=parse_rfc3339(node["updatedAt"]),
        comments=_parse_comments(node["comments"]),
    )


def _make_batch(
    client: GitHubClient, nodes: Mapping[IssueRef, JsonObject | None], size: AdaptivePageSize
) -> IssueBatch:
    missing: dict[tuple[str, int], str] = {}
    found: dict[IssueRef, Issue] = {}
    cursors: dict[IssueRef, str] = {}
    for ref, node in nodes.items():
        if node is None:
            missing[ref.repo, ref.number] = NOT_FOUND
        elif node.get("__typename") == "PullRequest":
            missing[ref.repo, ref.number] = IS_PULL_REQUEST
        else:
            try:
                found[ref] = parse_record(parse_issue, node, ref)
                with checking_answer(node):
                    cursors |= _next_comment_cursors(ref, node["comments"])
            except MalformedAnswerError as error:
                found.pop(ref, None)
                missing[ref.repo, ref.number] = MALFORMED
                client.warn(f"{ref.repo}#{ref.number}: {error}")
    _fetch_remaining_comments(client, found, cursors, size)
    return IssueBatch(issues=tuple(found.values()), missing=missing)


def _fetch_remaining_comments(
    client: GitHubClient,
    found: dict[IssueRef, Issue],
    cursors: dict[IssueRef, str],
    size: AdaptivePageSize,
) -> None:
    """Add the comments after the first page to *found*; *cursors* says where those continue."""
    asked: set[tuple[IssueRef, str]] = set()
    while cursors:
        refs = list(cursors)
        fields = [queries.comments_field(ref, cursor) for ref, cursor in cursors.items()]
        asked.update(cursors.items())
        cursors = {}
        nodes = [node for batch in fetch_fields(client, fields, size) for _, node in batch]
        for ref, node in zip(refs, nodes, strict=True):
            if node:
                try:
                    with checking_answer(node):
                        comments = found[ref].comments + _parse_comments(node["comments"])
                        cursor = _next_comment_cursors(ref, node["comments"])
                    if not asked.isdisjoint(cursor.items()):
                        raise MalformedAnswerError(LIST_DOES_NOT_GO_ON)
                except MalformedAnswerError as error:
                    client.warn(f"{ref.repo}#{ref.number}: later comments are missing. {error}")
                    continue
                found[ref] = replace(found[ref], comments=comments)
                cursors |= cursor


def _next_comment_cursors(ref: IssueRef, connection: JsonObject) -> dict[IssueRef, str]:
    cursor = PageCursors().find_next(connection)
    return {ref: cursor} if cursor else {}


def _parse_update_time(node: JsonObject | None) -> datetime | None:
    return parse_rfc3339(node["updatedAt"]) if node and node.get("updatedAt") else None


def _parse_comments(connection: JsonObject) -> tuple[Comment, ...]:
    return tuple(parse_record(_parse_comment, node) for node in connection["nodes"] if node)


def _parse_comment(node: JsonObject) -> Comment:
    return Comment(
        created_at=parse_rfc3339(node["createdAt"]),
        body=node["body"] or "",
        author=(node["author"] or {}).get("login") or "",
    )
