"""Every command of the command line, found by looking, with arguments that it accepts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.cli.app import COMMANDS, load_command

INSTANCE = "owner__name-7"
REPO = "owner/name"
_BY_METAVAR = {"ID": INSTANCE, "OWNER/NAME": REPO, "HOST/NAMESPACE": "127.0.0.1:9/lab"}
_PATH_WORDS = ("FILE", "PATH", "ROWS", "DIR")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command that can be typed."""

    words: tuple[str, ...]  # as in ("publish", "check")
    parameters: tuple[Any, ...]

    def __str__(self) -> str:
        return "-".join(self.words)

    def line(self, path: str = "some/path", **values: str) -> tuple[str, ...]:
        """The command with every argument it may take, required options, and *values*."""
        given = [
            values.get(it.name) or (path if is_path(it) else _BY_METAVAR.get(it.metavar or "", "x"))
            for it in self.parameters
            if it.param_type_name == "argument" and (it.required or not is_path(it))
        ]
        options = {
            it.opts[0]: values.get(it.name) or _BY_METAVAR.get(it.metavar or "", "x")
            for it in self.parameters
            if it.param_type_name == "option" and (it.required or it.name in values)
        }
        return (*self.words, *(word for pair in options.items() for word in pair), *given)

    def path_lines(self, path: str) -> Iterator[tuple[str, ...]]:
        """The command once for each argument or option that may be a path, which is *path*."""
        for it in self.parameters:
            if is_path(it):
                line = self.line(**{it.name: path})
                is_given = it.param_type_name == "option" or it.required
                yield line if is_given else (*line, path)


def is_path(parameter: Any) -> bool:
    """Whether the parameter takes a file or directory."""
    annotation = parameter.type_descriptor.annotation
    metavar = parameter.metavar or ""
    return annotation is Path or any(word in metavar for word in _PATH_WORDS)


def list_commands() -> list[Command]:
    """All commands, those of groups in place of the groups."""
    return [each for name in COMMANDS for each in _leaves(load_command(name), (name,))]


def _leaves(command: Any, words: tuple[str, ...]) -> Iterator[Command]:
    subcommands = getattr(command, "commands", {})
    if not subcommands or command.invoke_without_command:
        yield Command(words=words, parameters=tuple(command.params))
    for name, each in subcommands.items():
        yield from _leaves(each, (*words, name))
