"""The GraphQL documents; costs are those of GitHub's published formula."""

import json
from collections.abc import Mapping, Sequence

from curate.model import IssueRef

_PULL = """
fragment Pull on PullRequest {
  number title body createdAt updatedAt mergedAt
  baseRefName baseRefOid headRefOid
  mergeCommit { oid }
  author { login }
  closingIssuesReferences(first: 10) { nodes { number repository { nameWithOwner } } }
}
"""

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
"""A page of merged pulls: 1 + 1 + size connections, 2 points for 100 pulls."""

_COMMENTS = """
fragment Comments on IssueCommentConnection {
  pageInfo { hasNextPage endCursor }
  nodes { createdAt body author { login } }
}
"""

COMMENTS = (
    """
query Comments($owner: String!, $name: String!, $number: Int!, $cursor: String!) {
  rateLimit { cost remaining resetAt }
  repository(owner: $owner, name: $name) {
    issue(number: $number) { comments(first: 100, after: $cursor) { ...Comments } }
  }
}
"""
    + _COMMENTS
)
"""The comments of an issue behind its first hundred: 1 point."""


def issues(wanted: Sequence[IssueRef]) -> tuple[str, Mapping[str, IssueRef]]:
    """One document for several issues (1 point up to 100), and what its aliases stand for.

    Aliases are `r0_i12`: repository 0, number 12. The repositories are fields `r0`, `r1`, ….
    """
    repositories = list(dict.fromkeys(ref.repo for ref in wanted))
    aliases: dict[str, IssueRef] = {}
    parts = []
    for index, repo in enumerate(repositories):
        owner, name = repo.split("/", 1)
        numbers = [ref.number for ref in wanted if ref.repo == repo]
        aliases |= {f"r{index}_i{n}": IssueRef(repo=repo, number=n) for n in numbers}
        fields = " ".join(
            f"r{index}_i{n}: issueOrPullRequest(number: {n}) {{ ...Thing }}" for n in numbers
        )
        parts.append(
            f"r{index}: repository(owner: {json.dumps(owner)}, name: {json.dumps(name)})"
            f" {{ {fields} }}"
        )
    document = f"query Issues {{ rateLimit {{ cost remaining resetAt }} {' '.join(parts)} }}"
    return document + _THING + _COMMENTS, aliases


_THING = """
fragment Thing on IssueOrPullRequest {
  __typename
  ... on Issue { number title body createdAt updatedAt comments(first: 100) { ...Comments } }
}
"""
