"""Issue links and issues, made up as faithfully as a mirror without issues allows."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

from tests.doubles.github.data import Json

SYNTHETIC = 10_000_000
_MENTION = re.compile(r"(?<![\w/&])#(\d+)\b")
_CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b:?\s+#(\d+)\b", re.IGNORECASE)


def closing(
    pull: Json,
    *,
    pulls: Collection[int],
    extra: Mapping[int, Iterable[int]],
    always: Collection[int],
) -> list[int]:
    """Numbers of the issues a pull closes, ascending.

    Those after a closing keyword in title, body or commit messages; those `extra` names; and for
    a pull of `always` that has none, the numbers it mentions, else a number made from its own.
    """
    number = pull["number"]
    texts = [pull["title"], pull["body"], *(it["message"] for it in pull["commits"])]
    found = _numbers(_CLOSING, texts) - set(pulls)
    found.update(extra.get(number, ()))
    if not found and number in always:
        found = _numbers(_MENTION, texts) - set(pulls) - {number} or {SYNTHETIC + number}
    return sorted(found)


def _numbers(pattern: re.Pattern[str], texts: Iterable[str]) -> set[int]:
    return {int(it) for text in texts for it in pattern.findall(text) if 0 < int(it) < SYNTHETIC}


def issue(number: int, pull: Json) -> Json:
    """An issue worded after the first pull that closes it, with one comment before and one after.

    The comments lie an hour before the pull was made and at its merge, so that a reader of hints
    must tell them apart.
    """
    comments = [
        {"createdAt": shifted(pull["createdAt"], -3600), "body": "I see this too.", "author": "u1"},
        {"createdAt": pull["mergedAt"], "body": "Fixed by the pull.", "author": pull["author"]},
    ]
    return {
        "number": number,
        "title": pull["title"],
        "body": f"This does not work as it should: {pull['title']}",
        "state": "CLOSED",
        "createdAt": shifted(pull["createdAt"], -86_400),
        "updatedAt": pull["mergedAt"],
        "author": "reporter",
        "comments": comments,
        "labels": [],
    }


def shifted(time: str, seconds: int) -> str:
    """A time as GitHub prints it, moved."""
    return stamp(int(datetime.fromisoformat(time).timestamp()) + seconds)


def stamp(seconds: int) -> str:
    """Unix seconds as GitHub prints a time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
