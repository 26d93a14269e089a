"""Repositories that could be crawled, chosen by GitHub's search.

The criteria are those of SWE-Gym's selection (SEART's fields): created before a date, stars, pull
requests, contributors, language; to which the share of Python and the licence are added.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from builders.rfc3339 import parse_rfc3339
from curate.github.client import GitHubClient
from curate.github.page_size import BatchSize

CAP = 1000  # GitHub shows no more results of one search, however many there are
FIRST_DAY = datetime(2007, 10, 1, tzinfo=UTC)  # no repository is older

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
class Criteria:
    """What a repository must have; the defaults are the paper's. Every number is exceeded."""

    created_before: datetime = datetime(2022, 7, 1, tzinfo=UTC)
    stars: int = 500
    pulls: int = 500
    contributors: int = 100
    python: float = 0.0  # share of the code, 0 to 1; the main language is Python in any case
    licenses: tuple[str, ...] = ()  # SPDX ids; none = any, even no licence


@dataclass(frozen=True, kw_only=True)
class Found:
    """A repository as GitHub describes it; `contributors` is None where nobody asked."""

    repo: str
    created_at: datetime
    stars: int
    pulls: int
    python: float
    license: str
    contributors: int | None = None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A repository and which criterion it fails; "" if none."""

    found: Found
    fails: str


def choices(client: GitHubClient, wanted: Criteria) -> Iterator[Choice]:
    """Every repository with enough stars, judged; each once.

    Contributors are asked for one by one (a REST request each), of those that pass all else.
    Raises what `GitHubClient.query` raises.
    """
    seen: set[str] = set()
    for found in searched(client, wanted):
        if found.repo in seen:
            continue
        seen.add(found.repo)
        fails = failed(found, wanted)
        if not fails and wanted.contributors > 0:
            asked = replace(found, contributors=_contributors(client, found.repo))
            yield Choice(found=asked, fails=failed(asked, wanted))
        else:
            yield Choice(found=found, fails=fails)


def failed(found: Found, wanted: Criteria) -> str:
    """The first criterion that *found* does not meet, or ""."""
    licences = {name.casefold() for name in wanted.licenses}
    checks = {
        "created": found.created_at < wanted.created_before,
        "stars": found.stars > wanted.stars,
        "pulls": found.pulls > wanted.pulls,
        "python": found.python >= wanted.python,
        "license": not licences or found.license.casefold() in licences,
        "contributors": found.contributors is None or found.contributors > wanted.contributors,
    }
    return next((name for name, met in checks.items() if not met), "")


def searched(client: GitHubClient, wanted: Criteria) -> Iterator[Found]:
    """All results, by times of creation that are halved until the results fit under the cap."""
    second = timedelta(seconds=1)
    spans = [(FIRST_DAY, wanted.created_before - second)]
    while spans:
        start, end = spans.pop()
        pages = _pages(client, search_text(wanted, start, end))
        count, first = next(pages)
        if count > CAP and end > start:
            middle = start + timedelta(seconds=(end - start) // second // 2)
            spans += [(middle + second, end), (start, middle)]
            continue
        yield from first
        for _, page in pages:
            yield from page


def search_text(wanted: Criteria, start: datetime, end: datetime) -> str:
    """GitHub's search language; both ends of a range count as inside."""
    span = f"{start:%Y-%m-%dT%H:%M:%SZ}..{end:%Y-%m-%dT%H:%M:%SZ}"
    return f"language:Python stars:>{wanted.stars} fork:false created:{span} sort:stars-desc"


def _pages(client: GitHubClient, text: str) -> Iterator[tuple[int, Sequence[Found]]]:
    """(number of results in all, results of this page), page by page."""
    size = BatchSize(100)
    cursor: str | None = None
    more = True
    while more:
        fixed = {"text": text, "cursor": cursor}
        page = client.query_sized(
            lambda: (SEARCH, {**fixed, "size": size.value}),  # noqa: B023
            size.shrink,
        )["search"]
        size.succeeded()
        yield page["repositoryCount"], [_parsed(node) for node in page["nodes"] if node]
        cursor, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]


def _parsed(node: Mapping[str, Any]) -> Found:
    languages = node["languages"] or {"edges": (), "totalSize": 0}
    python = sum(it["size"] for it in languages["edges"] if it["node"]["name"] == "Python")
    return Found(
        repo=node["nameWithOwner"],
        created_at=parse_rfc3339(node["createdAt"]),
        stars=node["stargazerCount"],
        pulls=node["pullRequests"]["totalCount"],
        python=python / (languages["totalSize"] or 1),
        license=(node["licenseInfo"] or {}).get("spdxId") or "",
    )


def _contributors(client: GitHubClient, repo: str) -> int:
    """How many people, anonymous ones included: the number of pages of one person each."""
    headers, body = client.get(f"/repos/{repo}/contributors", {"per_page": 1, "anon": "true"})
    last = re.search(r'[?&]page=(\d+)[^>]*>; rel="last"', str(headers.get("link", "")))
    return int(last[1]) if last else len(body)
