"""Every command with its arguments and options, from the typer application."""

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from typer.main import get_command

from curate.cli.app import COMMANDS, app, load_command
from curate.core.settings import Settings
from tests.reference.tables import code, make_table

INTRODUCTION = """\
# Commands

`curate COMMAND --help` shows the same. Where an option has a variable, the variable holds if the
option is not given, and the [setting](../settings.md) of `curate.toml` if neither is.
"""
_NAMES = {int: "N", float: "NUMBER", str: "TEXT", Path: "PATH"}


def render() -> str:
    """The page."""
    parts = [INTRODUCTION, "## Options of all commands", "", _table(get_command(app).params), ""]
    parts += [
        "They stand before the command: `curate --data-dir shards/1 status`.",
        "`curate --install-completion` sets up completion for your shell.",
        "",
    ]
    for name in COMMANDS:
        parts += _sections(load_command(name), (name,))
    return "\n".join(parts)


def _sections(command: Any, words: tuple[str, ...]) -> Iterator[str]:
    subcommands = getattr(command, "commands", {})
    yield f"{'#' * (1 + min(len(words), 2))} curate {' '.join(words)}"
    yield f"\n{command.help or COMMANDS.get(words[0], '')}\n".replace("\\[", "[")
    if not subcommands or command.invoke_without_command:
        yield f"```text\n{_usage(command, words)}\n```\n"
        yield f"{_table(command.params)}\n"
        if command.epilog:
            yield f"Example: {code(read_example(command))}\n"
    for name, each in subcommands.items():
        yield from _sections(each, (*words, name))


def read_example(command: Any) -> str:
    """The command line that the help of *command* shows last."""
    return re.sub(r"\[/?bold\]|^Example: ", "", command.epilog)


def _usage(command: Any, words: tuple[str, ...]) -> str:
    arguments = [_argument(it) for it in command.params if it.param_type_name == "argument"]
    return " ".join(["curate", *words, "[OPTIONS]", *arguments])


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    if "..." in name or "…" in name:
        return str(name).replace("...", "…")
    dots = "…" if parameter.nargs == -1 else ""
    return f"{name}{dots}" if parameter.required else f"[{name}{dots}]"


def _table(parameters: list[Any]) -> str:
    shown = [it for it in parameters if not getattr(it, "hidden", False)]
    return make_table(("option", "default", "variable", ""), map(_row, shown))


def _row(parameter: Any) -> tuple[str, str, str, str]:
    help_text = (parameter.help or "").replace("\\[", "[")
    if parameter.param_type_name == "argument":
        return _alternatives(_argument(parameter).split("|")), "", "", help_text
    names = ", ".join(map(code, (*parameter.opts, *parameter.secondary_opts)))
    value = "" if parameter.is_flag else f" {_value(parameter)}"
    return names + value, _default(parameter), _variable(parameter), help_text


def _value(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    kind = next(iter(get_args(kind)), kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _alternatives([str(it.value) for it in kind])
    return _alternatives(str(parameter.metavar or _NAMES.get(kind, "VALUE")).split("|"))


def _alternatives(names: list[str]) -> str:
    """Each name as code; sites disagree on bars in code in tables."""
    return " or ".join(map(code, names))


def _default(parameter: Any) -> str:
    default = parameter.default
    if isinstance(default, Enum):
        default = default.value
    if default in (None, "", False) or callable(default):
        return ""
    if parameter.is_flag:
        return code(parameter.opts[0])
    date = getattr(default, "date", None)
    return code(str(date() if date else default))


def _variable(parameter: Any) -> str:
    if parameter.envvar:
        return code(str(parameter.envvar))
    is_setting = parameter.name in Settings.model_fields
    return code(f"CURATE_{parameter.name.upper()}") if is_setting else ""
