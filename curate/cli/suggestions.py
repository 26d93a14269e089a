"""Commands that messages suggest, with the options that lead to the user's data."""

import re
import shlex
from collections.abc import Iterable, Mapping

from curate.core.near_words import suggest_word

_options: list[str] = []  # common to all commands, as the user gave them
_commands: list[str] = []


def remember_options(flags: Mapping[str, object], commands: Iterable[str]) -> None:
    """Keep the *flags* that were given before the command, for suggestions of *commands*."""
    _commands[:] = commands
    _options[:] = [
        f"--{name.replace('_', '-')} {shlex.quote(str(value))} "
        for name, value in flags.items()
        if value is not None
    ]


_CHOICE = re.compile(r"^'(?P<word>.*)' is not one of (?P<known>'.*')\.$")


def suggest_choice(message: str) -> str:
    """Add the choice that was probably meant to click's *message* about one that is none."""
    found = _CHOICE.match(message)
    if not found:
        return message
    near = suggest_word(found["word"], re.findall(r"'([^']*)'", found["known"]))
    return f"{message} {near}".rstrip()


def complete_commands(text: str) -> str:
    """Add the options that the user gave to every curate command that *text* suggests."""
    if not _options:
        return text
    pattern = rf"\bcurate (?=(?:{'|'.join(_commands)})\b)"
    return re.sub(pattern, lambda match: match[0] + "".join(_options), text)
