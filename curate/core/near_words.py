"""What somebody probably meant, who has typed a word that does not exist."""

import difflib
from collections.abc import Iterable

from curate.core.names import parse_pull_name

_MAX_WORDS = 20_000  # that are compared; more would take seconds


def find_near_word(word: str, known: Iterable[str]) -> str:
    """Return the word of *known* that is most like *word*, in any case; "" if none is."""
    by_key = {it.casefold(): it for it in known}
    if word.casefold() in by_key:
        return by_key[word.casefold()]
    first = word[:1].casefold()
    keys = list(by_key)
    if len(keys) > _MAX_WORDS:
        keys = [it for it in keys if it[:1] == first][:_MAX_WORDS]
    near = difflib.get_close_matches(word.casefold(), keys, n=1)
    return by_key[near[0]] if near else ""


def suggest_word(word: str, known: Iterable[str]) -> str:
    """Return a sentence that names the word that was probably meant; "" if none is near."""
    near = find_near_word(word, known)
    return f"Perhaps you meant {near}?" if near and near != word else ""


def find_near_id(instance: str, ids: Iterable[str]) -> str:
    """Return the id of *ids* that was probably meant by *instance*, also by its number alone."""
    known = list(ids)
    number = instance.strip().lstrip("#")
    if number.isdigit():
        return next((it for it in known if it.rpartition("-")[2] == number), "")
    parsed = parse_pull_name(instance)
    if parsed is None:
        return find_near_word(instance, known)
    repo = parsed[0].replace("/", "__")
    repos = dict.fromkeys(it.rpartition("-")[0] for it in known)
    near = find_near_word(repo, repos)
    same = [it for it in known if near and it.rpartition("-")[0] == near]
    if f"{near}-{parsed[1]}" in same:
        return f"{near}-{parsed[1]}"
    return find_near_word(f"{near}-{parsed[1]}", same) if near else ""
