"""Issues: their texts, many per request, and which of them changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from curate.builders.rfc3339 import format_rfc3339, parse_rfc3339
from curate.core.model import Comment, Issue, IssueRef, TitleChange
from curate.github import queries
from curate.github.answers import (
    LIST_DOES_NOT_GO_ON,
    PageCursors,
    checking_answer,
    parse_record,
    read_number,
)
from curate.github.batch_query import fetch_fields
from curate.github.client import GitHubClient, JsonObject, QueryResult
from curate.github.page_size import AdaptivePageSize
from curate.github.pulls import repository_not_found, split_repo
from curate.github.retry import MalformedAnswerError

IS_PULL_REQUEST = "is-a-pull"
NOT_FOUND = "not-found"
MALFORMED = "malformed"

ISSUES_PER_REQUEST = 200
"""Of a first request; where GitHub does not answer in its ten seconds, the next one has half."""


@dataclass(frozen=True, kw_only=True)
class IssueVersion:
    """Which issue is found at a reference, and how old it is."""

    node_id: str  # differs after a transfer
    updated_at: datetime


IssueVersions = dict[IssueRef, IssueVersion | None]
"""The version found at each reference; None for what is not an issue."""


@dataclass(frozen=True, kw_only=True)
class IssueBatch:
    """Issues where they are now, and what else was found at references.

    *missing* has a reason, `IS_PULL_REQUEST`, `NOT_FOUND` or `MALFORMED`; *moved* where an issue
    that was transferred is now.
    """

    issues: tuple[Issue, ...]
    missing: Mapping[tuple[str, int], str]
    moved: Mapping[tuple[str, int], IssueRef] = field(default_factory=dict)


def fetch_issues(
    client: GitHubClient,
    refs: Sequence[IssueRef],
    *,
    home: str = "",
    names: Mapping[str, str] | None = None,
    size: AdaptivePageSize | None = None,
) -> Iterator[IssueBatch]:
    """Fetch issues with all their comments; each of *refs* is in exactly one batch.

    *names* maps case-folded repository names to the spelling to use. A *size* that calls share
    remembers what GitHub answers in time. Raises what `fetch_fields` raises.
    """
    size = size or make_issue_batch_size()
    unique_refs = list(dict.fromkeys(refs))
    done = 0
    for answers in fetch_fields(
        client, [queries.issue_field(ref) for ref in unique_refs], size, home=home
    ):
        nodes = [node for _, node in answers]
        found = dict(zip(unique_refs[done:], nodes, strict=False))
        yield _make_batch(client, found, size, names or {})
        done += len(nodes)


def make_issue_batch_size() -> AdaptivePageSize:
    """Return the number of issues of a request, which begins at `ISSUES_PER_REQUEST`."""
    return AdaptivePageSize(ISSUES_PER_REQUEST, smallest=1)


def fetch_versions(client: GitHubClient, refs: Sequence[IssueRef]) -> IssueVersions:
    """Fetch which issue is at each of *refs* and when it was updated, 100 per request."""
    size = AdaptivePageSize(queries.MAX_PAGE_SIZE, smallest=1)
    batches = fetch_fields(client, [queries.update_time_field(ref) for ref in refs], size)
    nodes = [node for batch in batches for _, node in batch]
    return {ref: _parse_version(node) for ref, node in zip(refs, nodes, strict=True)}


def fetch_changed_issues(
    client: GitHubClient, repo: str, since: datetime
) -> Iterator[IssueVersions]:
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
) -> tuple[IssueVersions, str | None]:
    """Return the issues of a page, and the cursor of the next one."""
    repository = result.data["repository"] if result.data else None
    if repository is None:
        raise repository_not_found(repo, result.denials.get("repository", ""))
    page = repository["issues"]
    found = [node for node in page["nodes"] if node]
    versions = {IssueRef(repo=repo, number=read_number(it)): _parse_version(it) for it in found}
    return versions, cursors.find_next(page)


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
        node_id=node["id"],
        edited_at=_parse_optional_time(node["lastEditedAt"]),
        title_changes=_parse_title_changes(node["timelineItems"]),
    )


def _make_batch(
    client: GitHubClient,
    nodes: Mapping[IssueRef, JsonObject | None],
    size: AdaptivePageSize,
    names: Mapping[str, str],
) -> IssueBatch:
    missing: dict[tuple[str, int], str] = {}
    moved: dict[tuple[str, int], IssueRef] = {}
    found: dict[IssueRef, Issue] = {}
    cursors: dict[IssueRef, str] = {}
    for ref, node in nodes.items():
        if node is None:
            missing[ref.repo, ref.number] = NOT_FOUND
        elif node.get("__typename") == "PullRequest":
            missing[ref.repo, ref.number] = IS_PULL_REQUEST
        else:
            try:
                with checking_answer(node):
                    place = _parse_place(node, ref, names)
                    found_cursors = _next_comment_cursors(place, node["comments"])
                found[place] = parse_record(parse_issue, node, place)
            except MalformedAnswerError as error:
                missing[ref.repo, ref.number] = MALFORMED
                client.warn(f"{ref.repo}#{ref.number}: {error}")
                continue
            cursors |= found_cursors
            if place != ref:
                moved[ref.repo, ref.number] = place
    _fetch_remaining_comments(client, found, cursors, size)
    return IssueBatch(issues=tuple(found.values()), missing=missing, moved=moved)


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


def _parse_place(node: JsonObject, asked: IssueRef, names: Mapping[str, str]) -> IssueRef:
    name = node["repository"]["nameWithOwner"]
    if name == node["askedRepository"]:
        return asked
    return IssueRef(repo=names.get(name.casefold(), name), number=node["number"])


def _parse_version(node: JsonObject | None) -> IssueVersion | None:
    if not node or not node.get("updatedAt"):
        return None
    return IssueVersion(node_id=node["id"], updated_at=parse_rfc3339(node["updatedAt"]))


def _parse_optional_time(text: str | None) -> datetime | None:
    return parse_rfc3339(text) if text else None


def _parse_title_changes(connection: JsonObject) -> tuple[TitleChange, ...]:
    changes = [
        TitleChange(changed_at=parse_rfc3339(node["createdAt"]), before=node["previousTitle"])
        for node in connection["nodes"] or ()
        if node
    ]
    return tuple(sorted(changes, key=lambda change: change.changed_at))


def _parse_comments(connection: JsonObject) -> tuple[Comment, ...]:
    return tuple(parse_record(_parse_comment, node) for node in connection["nodes"] if node)


def _parse_comment(node: JsonObject) -> Comment:
    return Comment(
        created_at=parse_rfc3339(node["createdAt"]),
        body=node["body"] or "",
        author=(node["author"] or {}).get("login") or "",
        node_id=node["id"],
        edited_at=_parse_optional_time(node["lastEditedAt"]),
    )
