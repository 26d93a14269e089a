"""Small pulls, issues and repositories, complete and valid, for tests that need no real ones."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.doubles.github.data import Json, Repository

_START = datetime(2020, 1, 1, tzinfo=UTC)


def stamp(hours: float) -> str:
    """Time so many hours after the start of 2020, as GitHub prints it."""
    return (_START + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def oid(*parts: object) -> str:
    """Make an object id of 40 hex digits that depends on the parts only."""
    return hashlib.sha1(repr(parts).encode()).hexdigest()


def sample_commit(number: int, at: int = 0, *, message: str = "Work") -> Json:
    """A commit of a pull."""
    when = stamp(24 * number + at)
    ident = oid("commit", number, at)
    return {"oid": ident, "message": message, "authoredDate": when, "committedDate": when}


def sample_pull(number: int, **changes: Any) -> Json:
    """A merged pull of one commit: made a day after its predecessor, merged 12 hours later."""
    commits = changes.get("commits") or [sample_commit(number)]
    merge = {"oid": oid("merge", number), "message": f"Pull {number} (#{number})"}
    dates = {"authoredDate": stamp(24 * number + 12), "committedDate": stamp(24 * number + 12)}
    return {
        "number": number,
        "title": f"Pull {number}",
        "body": "",
        "state": "MERGED",
        "createdAt": stamp(24 * number + 1),
        "updatedAt": stamp(24 * number + 12),
        "mergedAt": stamp(24 * number + 12),
        "baseRefName": "main",
        "baseRefOid": oid("base", number),
        "headRefOid": commits[-1]["oid"],
        "mergeCommit": merge | dates,
        "author": "contributor",
        "commits": commits,
        "closing": [],
        "comments": [],
        "labels": [],
        **changes,
    }


def sample_issue(number: int, **changes: Any) -> Json:
    """A closed issue without comments, made a day after its predecessor."""
    return {
        "number": number,
        "title": f"Issue {number}",
        "body": f"Something is wrong in {number}.",
        "state": "CLOSED",
        "createdAt": stamp(24 * number),
        "updatedAt": stamp(24 * number),
        "author": "reporter",
        "comments": [],
        "labels": [],
        **changes,
    }


def sample_comment(hours: float, body: str, author: str | None = "reporter") -> Json:
    """A comment made so many hours after the start of 2020."""
    return {"createdAt": stamp(hours), "body": body, "author": author}


def sample_repository(name: str, pulls: int) -> Repository:
    """A repository whose pull 2k closes issue 2k - 1, for k from 1 to `pulls`."""
    numbers = range(2, 2 * pulls + 1, 2)
    return Repository.of(
        name,
        pulls=[sample_pull(n, closing=[{"repo": name, "number": n - 1}]) for n in numbers],
        issues=[sample_issue(n - 1) for n in numbers],
    )
