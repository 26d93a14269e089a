"""Texts that can be shown to anybody: without secrets, and without the name of the home folder."""

import re
from collections.abc import Iterable, Mapping

_USER = re.compile(r"(?<=//)[^/@\s]+@")  # of an address, with its password
_TOKENS = re.compile(r"\b(?:gh[a-z]_\w{8,}|github_pat_\w{8,}|hf_\w{8,}|glpat-[\w-]{8,})")
_SECRET_NAMES = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIAL", re.IGNORECASE)
_MIN_SECRET = 6  # characters; what is shorter would be found in ordinary words
HIDDEN = "***"


def find_secrets(environment: Mapping[str, str]) -> list[str]:
    """Return the values of variables that are named like secrets, several in one separately."""
    values = [text for name, text in environment.items() if _SECRET_NAMES.search(name)]
    words = [word for text in values for word in (text, *re.split(r"[,\s]+", text))]
    return [word for word in dict.fromkeys(words) if len(word) >= _MIN_SECRET]


def mask_text(text: str, secrets: Iterable[str], home: str) -> str:
    """Return *text* with *secrets* and users of addresses hidden, and `~` for *home*."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _TOKENS.sub(HIDDEN, _USER.sub(f"{HIDDEN}@", text))
    folder = home.rstrip("/")
    return re.sub(rf"(?<![\w/]){re.escape(folder)}(?![\w-])", "~", text) if folder else text
