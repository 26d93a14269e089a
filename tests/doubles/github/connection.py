"""Pages of a list: order, cursors and page information as Relay and GitHub have them.

A cursor holds the sort key of its item, not its position, so a list that changes between two
requests gives what GitHub gives: an item that moves is seen again or not at all.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.doubles.github.refusal import RefusalError

Key = tuple[Any, ...]
_PREFIX = b"cursor:v2:"


def paged(
    items: Sequence[Any],
    key: Callable[[Any], Key],
    arguments: Mapping[str, Any],
    *,
    descending: bool = False,
) -> dict[str, Any]:
    """Return `{nodes, edges, pageInfo, totalCount}` of the page that `arguments` ask for.

    Raises:
        RefusalError: `after` or `before` is no cursor.
    """
    keyed = sorted(((key(item), item) for item in items), key=lambda it: it[0], reverse=descending)
    start, end = _bounds([it[0] for it in keyed], arguments, descending)
    if arguments.get("first") is not None:
        end = min(end, start + arguments["first"])
    if arguments.get("last") is not None:
        start = max(start, end - arguments["last"])
    window = keyed[start:end]
    return {
        "nodes": [item for _, item in window],
        "edges": [{"cursor": encode(it), "node": item} for it, item in window],
        "pageInfo": {
            "hasNextPage": end < len(keyed),
            "hasPreviousPage": start > 0,
            "startCursor": encode(window[0][0]) if window else None,
            "endCursor": encode(window[-1][0]) if window else None,
        },
        "totalCount": len(keyed),
    }


def _bounds(keys: list[Key], arguments: Mapping[str, Any], descending: bool) -> tuple[int, int]:
    start, end = 0, len(keys)
    if arguments.get("after") is not None:
        mark = decode(arguments["after"])
        start = sum(1 for key in keys if (key >= mark if descending else key <= mark))
    if arguments.get("before") is not None:
        mark = decode(arguments["before"])
        end = sum(1 for key in keys if (key > mark if descending else key < mark))
    return start, max(start, end)


def encode(key: Key) -> str:
    """Make a cursor of a sort key."""
    return base64.b64encode(_PREFIX + json.dumps(key).encode()).decode()


def decode(cursor: str) -> Key:
    """Read the sort key out of a cursor."""
    try:
        raw = base64.b64decode(cursor, validate=True)
        if raw.startswith(_PREFIX):
            return tuple(json.loads(raw.removeprefix(_PREFIX)))
    except (binascii.Error, ValueError):
        pass
    message = f"`{cursor}` does not appear to be a valid cursor."
    raise RefusalError("INVALID_CURSOR_ARGUMENTS", message)
