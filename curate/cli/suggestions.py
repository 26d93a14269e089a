"""Commands that messages suggest, with the options that lead to the user's data."""

import re
import shlex
from collections.abc import Iterable, Mapping

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


def complete_commands(text: str) -> str:
    """Add the options that the user gave to every curate command that *text* suggests."""
    if not _options:
        return text
    pattern = rf"\bcurate (?=(?:{'|'.join(_commands)})\b)"
    return re.sub(pattern, lambda match: match[0] + "".join(_options), text)
