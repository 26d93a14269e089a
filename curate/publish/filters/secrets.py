"""Credentials in texts, told by their form alone: nothing is ever sent anywhere to try them.

Only forms that their issuers made recognisable; guesses by entropy hold back every lock file.
"""

import re
from functools import cache

from curate.publish.data_files import read_toml_data


def find_secrets(text: str) -> list[str]:
    """Kinds of credentials that *text* seems to hold, "kind in line N", never the credential."""
    found = []
    patterns, placeholder = _load_patterns()
    for kind, signs, form in patterns:
        if any(sign in text for sign in signs):
            matches = (m for m in form.finditer(text) if not placeholder.search(m.group()))
            found += [f"{kind} in line {text.count(chr(10), 0, m.start()) + 1}" for m in matches]
    return found


@cache
def _load_patterns() -> tuple[list[tuple[str, tuple[str, ...], re.Pattern[str]]], re.Pattern[str]]:
    read = read_toml_data("secrets", ("secrets",))
    patterns = [(k, tuple(f["signs"]), re.compile(f["form"])) for k, f in read["forms"].items()]
    return patterns, re.compile(read["placeholder"], re.IGNORECASE)
