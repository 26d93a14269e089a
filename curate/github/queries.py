"""GraphQL documents; costs follow GitHub's published formula."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from curate.core.model import IssueRef

MAX_PAGE_SIZE = 100
"""Maximum items of one page, and of aliased fields in one document."""

_CLOSING = """
fragment Closing on IssueConnection {
  pageInfo { hasNextPage endCursor }
  nodes { number repository { nameWithOwner } }
}
"""

_PULL = (
    """
fragment Pull on PullRequest {
  number title body createdAt updatedAt mergedAt
  baseRefName baseRefOid headRefOid
  mergeCommit { oid }
  author { login }
  closingIssuesReferences(first: 10) { ...Closing }
}
"""
    + _CLOSING
)

PULLS = (
    """
query Pulls(
  $owner: String!, $name: String!, $size: Int!, $cursor: String,
  $field: IssueOrderField!, $direction: OrderDirection!
) {
  rateLimit { cost remaining resetAt }
  repository(owner: $owner, name: $name) {
    nameWithOwner
    newest: pullRequests(
      states: MERGED, first: 1, orderBy: {field: UPDATED_AT, direction: DESC}
    ) { nodes { updatedAt } }
    newestIssue: issues(
      first: 1, orderBy: {field: UPDATED_AT, direction: DESC}
    ) { nodes { updatedAt } }
    lastIssue: issues(
      first: 1, orderBy: {field: CREATED_AT, direction: DESC}
    ) { totalCount nodes { number } }
    lastPull: pullRequests(
      first: 1, orderBy: {field: CREATED_AT, direction: DESC}
    ) { totalCount nodes { number } }
    pulls: pullRequests(
      states: MERGED, first: $size, after: $cursor, orderBy: {field: $field, direction: $direction}
    ) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { ...Pull }
    }
  }
}
"""
    + _PULL
)
"""A page of merged PRs: 5 + size connections, 1 point for 100 PRs."""

CHANGED_ISSUES = """
query Changed($owner: String!, $name: String!, $since: DateTime!, $size: Int!, $cursor: String) {
  rateLimit { cost remaining resetAt }
  repository(owner: $owner, name: $name) {
    issues(
      first: $size, after: $cursor, filterBy: {since: $since},
      orderBy: {field: UPDATED_AT, direction: ASC}
    ) {
      pageInfo { hasNextPage endCursor }
      nodes { id number updatedAt }
    }
  }
}
"""
"""Issues updated at or after a time, oldest update first: 1 point for 100."""

_COMMENTS = """
fragment Comments on IssueCommentConnection {
  pageInfo { hasNextPage endCursor }
  nodes { id createdAt lastEditedAt body author { login } }
}
"""

_ISSUE = """
fragment Thing on IssueOrPullRequest {
  __typename
  ... on Issue {
    id number title body createdAt updatedAt lastEditedAt
    repository { nameWithOwner }
    comments(first: 100) { ...Comments }
    timelineItems(first: 100, itemTypes: [RENAMED_TITLE_EVENT]) {
      nodes { ... on RenamedTitleEvent { createdAt previousTitle } }
    }
  }
}
"""

_TIME = """
fragment Time on IssueOrPullRequest { __typename ... on Issue { id updatedAt } }
"""


_EDITS = """
fragment Edits on UserContentEditConnection {
  pageInfo { hasNextPage endCursor }
  nodes { editedAt deletedAt diff }
}
"""


@dataclass(frozen=True, kw_only=True)
class QueryField:
    """One aliased field of a document: its alias, text and repository ("" = none)."""

    repo: str
    alias: str
    text: str


def issue_field(ref: IssueRef) -> QueryField:
    """An issue with its first 100 comments."""
    text = f"issueOrPullRequest(number: {ref.number}) {{ ...Thing }}"
    return QueryField(repo=ref.repo, alias=f"i{ref.number}", text=text)


def update_time_field(ref: IssueRef) -> QueryField:
    """Which issue is at *ref*, and when it was last updated."""
    text = f"issueOrPullRequest(number: {ref.number}) {{ ...Time }}"
    return QueryField(repo=ref.repo, alias=f"i{ref.number}", text=text)


def comments_field(ref: IssueRef, cursor: str) -> QueryField:
    """The next 100 comments of an issue."""
    inner = f"comments(first: 100, after: {json.dumps(cursor)}) {{ ...Comments }}"
    text = f"issue(number: {ref.number}) {{ {inner} }}"
    return QueryField(repo=ref.repo, alias=f"i{ref.number}", text=text)


def edits_field(alias: str, node_id: str, cursor: str | None) -> QueryField:
    """100 versions of the text of an issue or comment."""
    inner = f"userContentEdits(first: 100, after: {json.dumps(cursor)}) {{ ...Edits }}"
    text = f"node(id: {json.dumps(node_id)}) {{ ... on Comment {{ {inner} }} }}"
    return QueryField(repo="", alias=alias, text=text)


def pull_field(repo: str, number: int) -> QueryField:
    """A PR, as in a page of them."""
    text = f"pullRequest(number: {number}) {{ ...Pull }}"
    return QueryField(repo=repo, alias=f"p{number}", text=text)


def closing_issues_field(repo: str, number: int, cursor: str) -> QueryField:
    """The next 100 issues that a PR closes according to GitHub."""
    inner = f"list: closingIssuesReferences(first: 100, after: {json.dumps(cursor)})"
    repository = "repository { nameWithOwner }"
    text = f"pullRequest(number: {number}) {{ {repository} {inner} {{ ...Closing }} }}"
    return QueryField(repo=repo, alias=f"closing{number}", text=text)


def commits_field(repo: str, number: int, cursor: str | None) -> QueryField:
    """Messages and author dates of 100 commits of a PR."""
    inner = f"list: commits(first: 100, after: {json.dumps(cursor)})"
    text = f"pullRequest(number: {number}) {{ {inner} {{ ...Commits }} }}"
    return QueryField(repo=repo, alias=f"commits{number}", text=text)


_COMMITS = """
fragment Commits on PullRequestCommitConnection {
  pageInfo { hasNextPage endCursor }
  nodes { commit { message authoredDate } }
}
"""
_FRAGMENTS = {
    "Pull": _PULL,
    "Thing": _ISSUE + _COMMENTS,
    "Time": _TIME,
    "Comments": _COMMENTS,
    "Closing": _CLOSING,
    "Commits": _COMMITS,
    "Edits": _EDITS,
}


def build_query(fields: Sequence[QueryField]) -> tuple[str, Sequence[tuple[str, str]]]:
    """Build one document for all *fields*; also return (repository alias, alias) of each.

    Costs 1 point for up to 149 connections. Repositories have the aliases `r0`, `r1`, …; that of
    fields without one is "".
    """
    repos = dict.fromkeys(it.repo for it in fields if it.repo)
    repo_aliases = {"": ""} | {repo: f"r{n}" for n, repo in enumerate(repos)}
    field_texts = [f"{it.alias}: {it.text}" for it in fields if not it.repo]
    for repo in repos:
        alias = repo_aliases[repo]
        owner, name = (json.dumps(part) for part in repo.split("/", 1))
        inner = " ".join(f"{it.alias}: {it.text}" for it in fields if it.repo == repo)
        inner = f"nameWithOwner {inner}"
        field_texts.append(f"{alias}: repository(owner: {owner}, name: {name}) {{ {inner} }}")
    text = f"query Details {{ rateLimit {{ cost remaining resetAt }} {' '.join(field_texts)} }}"
    used = {name: it for name, it in _FRAGMENTS.items() if f"...{name} " in text}
    if "Thing" in used:
        used.pop("Comments", None)
    if "Pull" in used:
        used.pop("Closing", None)
    return text + "".join(used.values()), [(repo_aliases[it.repo], it.alias) for it in fields]
