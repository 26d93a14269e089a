"""JSON as GitHub sends it: parsed, with every text made one that can be stored.

This is the only place where text from GitHub's API enters.
"""

import json
import re
from typing import Any

from curate.builders.text import replace_unstorable

NOT_JSON = object()
"""What `parse_json` returns for anything but JSON."""

_SUSPICIOUS = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)|\x00")


def parse_json(content: bytes) -> Any:
    """Return the value of *content* (UTF-8); `NOT_JSON` if it is not JSON.

    Half of a surrogate pair, NUL and bytes that are not UTF-8 become U+FFFD in every text.
    """
    try:
        text = content.decode("utf-8-sig", "replace")
        value = json.loads(text, strict=False, parse_constant=_refuse_constant)
        return _clean(value) if _SUSPICIOUS.search(content) else value
    except (ValueError, RecursionError):
        return NOT_JSON


def _refuse_constant(name: str) -> None:
    """NaN and infinities are Python's, not JSON's."""
    raise ValueError(name)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return replace_unstorable(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {replace_unstorable(name): _clean(item) for name, item in value.items()}
    return value
