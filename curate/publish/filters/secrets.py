"""Credentials in texts, detected by pattern; they are never sent anywhere to verify them.

Only formats that their issuers made recognizable: detection by entropy would flag every lock file.
"""

import re
from functools import cache
from itertools import groupby

from curate.publish.data_files import read_toml_data


def may_hold_secrets(text: str) -> bool:
    """Whether *text* contains a literal of any credential; quick."""
    return any(pattern.search(text) for pattern in _load_literal_patterns())


def find_secrets(text: str) -> list[str]:
    """Return credentials found in *text* as "kind in line N", never the credential itself."""
    found = []
    patterns, placeholder = _load_patterns()
    for kind, literals, pattern in patterns:
        if any(literal in text for literal in literals):
            matches = (m for m in pattern.finditer(text) if not placeholder.search(m.group()))
            found += [f"{kind} in line {text.count(chr(10), 0, m.start()) + 1}" for m in matches]
    return found


@cache
def _load_patterns() -> tuple[list[tuple[str, tuple[str, ...], re.Pattern[str]]], re.Pattern[str]]:
    """Return [(kind, literals of which one must occur, pattern)] and the placeholder pattern."""
    data = read_toml_data("secrets", ("secrets",))
    patterns = [(k, tuple(f["signs"]), re.compile(f["form"])) for k, f in data["forms"].items()]
    return patterns, re.compile(data["placeholder"], re.IGNORECASE)


@cache
def _load_literal_patterns() -> list[re.Pattern[str]]:
    """Return a pattern of all literals for each first letter: that letter is looked for first."""
    found = sorted(literal for _, literals, _ in _load_patterns()[0] for literal in literals)
    groups = groupby(found, key=lambda literal: literal[0])
    return [re.compile("|".join(map(re.escape, group))) for _, group in groups]
