"""Credentials in texts, told by their form alone: nothing is ever sent anywhere to try them.

Only forms that their issuers made recognisable; guesses by entropy hold back every lock file.
"""

import re
from functools import cache

from curate.publish.data_files import read_data


def secrets_in(text: str) -> list[str]:
    """Kinds of credentials that *text* seems to hold, "kind in line N", never the credential."""
    found = []
    forms, placeholder = _forms()
    for kind, signs, form in forms:
        if any(sign in text for sign in signs):
            matches = (m for m in form.finditer(text) if not placeholder.search(m.group()))
            found += [f"{kind} in line {text.count(chr(10), 0, m.start()) + 1}" for m in matches]
    return found


@cache
def _forms() -> tuple[list[tuple[str, tuple[str, ...], re.Pattern[str]]], re.Pattern[str]]:
    read = read_data("secrets", ("secrets",))
    forms = [(k, tuple(f["signs"]), re.compile(f["form"])) for k, f in read["forms"].items()]
    return forms, re.compile(read["placeholder"], re.IGNORECASE)
