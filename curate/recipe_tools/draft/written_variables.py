"""Variables that a step of a CI job sets for later steps, by what it prints or writes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.recipe_tools.draft.job import is_other_purpose
from curate.recipe_tools.draft.shell_commands import split_commands

_ASSIGNMENT = re.compile(r"^(?:export\s+)?([A-Za-z_][\w-]*)=(.*)$", re.DOTALL)
_WORKFLOW_COMMAND = re.compile(r"^::set-(env|output) name=([\w-]+)::(.*)$")
_AZURE_COMMAND = re.compile(r"^##vso\[task\.setvariable variable=([\w.-]+)[^\]]*\](.*)$")
_ENVIRONMENT = re.compile(r"GITHUB_ENV|BASH_ENV|env:GITHUB_ENV")
_OUTPUT = re.compile(r"GITHUB_OUTPUT")


@dataclass(frozen=True, kw_only=True)
class WrittenVariables:
    """Literal values: variables of all later steps, and outputs of this one."""

    variables: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)


def find_written(commands: str, variables: Mapping[str, str]) -> WrittenVariables:
    """Return what *commands* write for later steps, as far as it is known.

    Of several values for one variable, those that name another system or purpose do not count, and
    of the others the last one.
    """
    written = WrittenVariables()
    for words in split_commands(commands, dict(variables)):
        command = words[1:] if words[:1] == ["{"] else words
        if command[:1] in (["echo"], ["printf"]):
            _read_print([word.removesuffix("\\n") for word in command[1:]], written)
    return written


def _read_print(words: list[str], written: WrittenVariables) -> None:
    targets = [i for i, word in enumerate(words) if ">>" in word or word in ("|", ">")]
    end = targets[0] if targets else len(words)
    target = " ".join(words[end:])
    text = " ".join(word for word in words[:end] if word not in ("-e", "-n"))
    told = _WORKFLOW_COMMAND.match(text)
    azure, assignment = _AZURE_COMMAND.match(text), _ASSIGNMENT.match(text)
    if told:
        _add(written.variables if told[1] == "env" else written.outputs, told[2], told[3])
    elif azure:
        _add(written.variables, azure[1], azure[2])
    elif assignment and _ENVIRONMENT.search(target):
        _add(written.variables, assignment[1], assignment[2].strip("\"'"))
    elif assignment and _OUTPUT.search(target):
        _add(written.outputs, assignment[1], assignment[2].strip("\"'"))


def _add(values: dict[str, str], name: str, value: str) -> None:
    is_special = is_other_purpose(value) and name in values
    if "$" not in value and "`" not in value and not is_special:
        values[name] = value
