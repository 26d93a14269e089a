"""Search GitHub for repositories to crawl.

The criteria are those of SWE-Gym (fields of SEART): creation date, stars, pull requests,
contributors, language. The share of Python and the license are added.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from curate.builders.rfc3339 import parse_rfc3339
from curate.core.errors import AuthenticationError, NotFoundError
from curate.github.answers import PageCursors, parse_record
from curate.github.client import GitHubClient, QueryResult
from curate.github.errors import BadCredentialsError, UnavailableError
from curate.github.page_size import AdaptivePageSize
from curate.github.retry import MalformedAnswerError

MAX_RESULTS = 1000  # GitHub returns no more results per search
FIRST_DAY = datetime(2007, 10, 1, tzinfo=UTC)  # no repository on GitHub is older

SEARCH = """
query Search($text: String!, $size: Int!, $cursor: String) {
  rateLimit { cost remaining resetAt }
  search(query: $text, type: REPOSITORY, first: $size, after: $cursor) {
    repositoryCount
    pageInfo { hasNextPage endCursor }
    nodes {
      ... on Repository {
        nameWithOwner createdAt stargazerCount
        licenseInfo { spdxId }
        pullRequests(first: 1) { totalCount }
        languages(first: 10, orderBy: {field: SIZE, direction: DESC}) {
          totalSize edges { size node { name } }
        }
      }
    }
  }
}
"""
"""A page of repositories: 1 + 2 * size connections, 2 points for 100."""


@dataclass(frozen=True, kw_only=True)
class SearchCriteria:
    """Criteria for repositories; the defaults are those of the SWE-Gym paper.

    A repository must have more `stars`, `pulls` and `contributors` than given.
    """

    created_before: datetime = datetime(2022, 7, 1, tzinfo=UTC)
    stars: int = 500
    pulls: int = 500
    contributors: int = 100
    python: float = 0.0  # minimum share of the code, 0 to 1; the main language is always Python
    licenses: tuple[str, ...] = ()  # SPDX ids; empty = any license or none


@dataclass(frozen=True, kw_only=True)
class RepositoryInfo:
    """A repository as described by GitHub; `contributors` is None if not requested."""

    repo: str
    created_at: datetime
    stars: int
    pulls: int
    python: float
    license: str
    contributors: int | None = None


@dataclass(frozen=True, kw_only=True)
class RepositoryMatch:
    """A repository and the first criterion it fails; "" if it meets all."""

    repository: RepositoryInfo
    failed_criterion: str


def find_repositories(client: GitHubClient, criteria: SearchCriteria) -> Iterator[RepositoryMatch]:
    """Yield every repository with enough stars once, with the criterion it fails.

    Contributors cost one REST request each and are counted only for repositories that meet all
    other criteria. Raises what `GitHubClient.query_adaptive` raises.
    """
    seen: set[str] = set()
    for repository in search_repositories(client, criteria):
        if repository.repo in seen:
            continue
        seen.add(repository.repo)
        failed_criterion = first_failed_criterion(repository, criteria)
        if not failed_criterion and criteria.contributors > 0:
            repository_with_contributors = replace(
                repository, contributors=_count_contributors(client, repository.repo)
            )
            yield RepositoryMatch(
                repository=repository_with_contributors,
                failed_criterion=first_failed_criterion(repository_with_contributors, criteria),
            )
        else:
            yield RepositoryMatch(repository=repository, failed_criterion=failed_criterion)


def first_failed_criterion(repository: RepositoryInfo, criteria: SearchCriteria) -> str:
    """Return the first criterion that *repository* does not meet; "" if it meets all."""
    allowed_licenses = {name.casefold() for name in criteria.licenses}
    checks = {
        "created": repository.created_at < criteria.created_before,
        "stars": repository.stars > criteria.stars,
        "pulls": repository.pulls > criteria.pulls,
        "python": repository.python >= criteria.python,
        "license": not allowed_licenses or repository.license.casefold() in allowed_licenses,
        "contributors": repository.contributors is None
        or repository.contributors > criteria.contributors,
    }
    return next((name for name, met in checks.items() if not met), "")


def search_repositories(client: GitHubClient, criteria: SearchCriteria) -> Iterator[RepositoryInfo]:
    """Yield all results, from creation-date ranges halved until each is below `MAX_RESULTS`."""
    second = timedelta(seconds=1)
    spans = [(FIRST_DAY, criteria.created_before - second)]
    while spans:
        start, end = spans.pop()
        pages = _fetch_search_pages(client, build_search_query(criteria, start, end))
        count, first = next(pages)
        if count > MAX_RESULTS and end > start:
            middle = start + timedelta(seconds=(end - start) // second // 2)
            spans += [(middle + second, end), (start, middle)]
            continue
        yield from first
        for _, page in pages:
            yield from page


def build_search_query(criteria: SearchCriteria, start: datetime, end: datetime) -> str:
    """Return a query in GitHub's search syntax; both ends of the range are inclusive."""
    span = f"{start:%Y-%m-%dT%H:%M:%SZ}..{end:%Y-%m-%dT%H:%M:%SZ}"
    return f"language:Python stars:>{criteria.stars} fork:false created:{span} sort:stars-desc"


def _fetch_search_pages(
    client: GitHubClient, text: str
) -> Iterator[tuple[int, Sequence[RepositoryInfo]]]:
    """Yield (total number of results, results of this page), page by page."""
    size, cursors = AdaptivePageSize(100), PageCursors()
    cursor: str | None = None
    more = True
    while more:
        fixed = {"text": text, "cursor": cursor}
        page = client.query_adaptive(
            lambda: (SEARCH, {**fixed, "size": size.value}),  # noqa: B023
            size.shrink,
            partial(_parse_search_page, cursors=cursors),
        )
        size.record_success()
        for reason in page.skipped:
            client.warn(f"Skipped a repository. {reason}")
        yield page.count, page.repositories
        cursors.add(page.cursor)
        cursor, more = page.cursor, page.cursor is not None


@dataclass(frozen=True, kw_only=True)
class _SearchPage:
    """A page of results; *cursor* is that of the next one, *skipped* says what was not read."""

    count: int  # of all pages
    repositories: tuple[RepositoryInfo, ...]
    cursor: str | None
    skipped: tuple[str, ...]


def _parse_search_page(result: QueryResult, cursors: PageCursors) -> _SearchPage:
    page = result.data["search"]
    found, skipped = [], []
    for node in page["nodes"]:
        if node:
            try:
                found.append(parse_record(_parse_repository, node))
            except MalformedAnswerError as error:
                skipped.append(f"{node.get('nameWithOwner') or 'Unnamed'}: {error}")
    return parse_record(
        _SearchPage,
        count=page["repositoryCount"],
        repositories=tuple(found),
        cursor=cursors.find_next(page),
        skipped=tuple(skipped),
    )


def _parse_repository(node: Mapping[str, Any]) -> RepositoryInfo:
    languages = node["languages"] or {"edges": (), "totalSize": 0}
    python = sum(it["size"] for it in languages["edges"] if it["node"]["name"] == "Python")
    return RepositoryInfo(
        repo=node["nameWithOwner"],
        created_at=parse_rfc3339(node["createdAt"]),
        stars=node["stargazerCount"],
        pulls=node["pullRequests"]["totalCount"],
        python=python / (languages["totalSize"] or 1),
        license=(node["licenseInfo"] or {}).get("spdxId") or "",
    )


def _count_contributors(client: GitHubClient, repo: str) -> int | None:
    """Number of contributors including anonymous ones: the page count at one person per page.

    None if GitHub has too many to list them, 0 if it shows none.
    """
    try:
        answer = client.get(f"repos/{repo}/contributors", {"per_page": 1, "anon": "true"})
    except BadCredentialsError:
        raise
    except (AuthenticationError, NotFoundError, UnavailableError) as error:
        client.warn(f"{repo}: contributors are not counted. {error}")
        return None if "too large" in str(error) else 0
    last = re.search(r'[?&]page=(\d+)[^>]*>; rel="last"', answer.headers.get("link", ""))
    return int(last[1]) if last else len(answer.body) if isinstance(answer.body, list) else 0
