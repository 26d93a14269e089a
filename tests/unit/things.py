"""Complete values of the model with few words."""

from datetime import UTC, datetime, timedelta
from typing import Any

from curate.model import PullRequest

DAY = datetime(2020, 1, 1, tzinfo=UTC)


def pull(number: int, **changes: Any) -> PullRequest:
    when = DAY + timedelta(days=number)
    facts: dict[str, Any] = {
        "repo": "o/r",
        "number": number,
        "title": f"Pull {number}",
        "body": "",
        "created_at": when,
        "updated_at": when,
        "merged_at": when,
        "base_ref": "main",
        "base_oid": "0" * 40,
        "head_oid": "1" * 40,
        "merge_oid": None,
    }
    return PullRequest(**(facts | changes))
