"""What the shell commands of a CI job install and run; nothing is executed."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from posixpath import join, normpath

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.called_scripts import find_called_script
from curate.recipe_tools.draft.command_readers import read_command, strip_tool_run
from curate.recipe_tools.draft.job import JobFindings
from curate.recipe_tools.draft.shell_branches import iter_taken

AS_MODULE = "-m"  # stands for `python -m pytest` among the options of pytest
_OPERATORS = ";|&"
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_MAX_DEPTH = 4  # scripts that call scripts
_UNKNOWN = re.compile(r"[${}%]|^-$")  # a variable of the job, or standard input
_PREFIXES = frozenset(
    {"sudo", "travis_retry", "env", "exec", "time", "xvfb-run", "command", "nice", "retry", "eval"}
    | {"if", "then", "do", "else", "while", "!", "{", "timeout", "elif", "dbus-run-session"}
)
_PYTHON = re.compile(r"(?:.*/)?python[\d.]*w?$|^pypy3?$|^py$|^\{env_?python\}$|^\$\{?PYTHON\}?$")
# Variables that name an interpreter or installer wherever they are used.
_TOOL_VARIABLES = {"PYTHON": "python", "PIP": "pip", "PYTEST": "pytest", "TOX": "tox", "UV": "uv"}
_SYSTEM_VARIABLES = {"RUNNER_OS": "Linux", "TRAVIS_OS_NAME": "linux", "AGENT_OS": "Linux"}


def read_commands(
    text: str,
    tree: FileTree | None = None,
    variables: Mapping[str, str] | None = None,
    folder: str = "",
) -> JobFindings:
    """Return what the commands of *text* install, and which test runners they call.

    Args:
        text: Shell commands.
        tree: Where scripts and make targets are that they call; those are read as well.
        variables: Values of shell variables; literal assignments in *text* come on top.
        folder: Where the commands run, relative to the root; "" for the root.
    """
    known = {**_SYSTEM_VARIABLES, **_TOOL_VARIABLES, **(variables or {})}
    script = _Script(tree=tree, variables=known, folder=folder)
    script.read(text)
    return script.found


@dataclass(kw_only=True)
class _Script:
    """A script that is being read: its variables and folder as of the current command."""

    tree: FileTree | None
    variables: dict[str, str]
    folder: str
    depth: int = 0
    found: JobFindings = field(default_factory=JobFindings)

    def read(self, text: str) -> None:
        start = self.folder
        for words in split_commands(text, self.variables):
            is_subshell = words[0].startswith("(") if words else False
            command = _strip_prefixes(words)
            if command[:1] in (["cd"], ["pushd"]):
                self._change_folder([word.rstrip(")") for word in command[1:2]], start)
            elif command[:1] == ["popd"]:
                self.folder = start
            elif command:
                self._read_one(command, is_module=_is_module_run(words))
            if words and words[-1].endswith(")") and not is_subshell:
                self.folder = start

    def _change_folder(self, target: Sequence[str], start: str) -> None:
        path = target[0] if target else ""
        if path in ("-", "") or _UNKNOWN.search(path) or path.startswith(("/", "~")):
            self.folder = start
        else:
            moved = normpath(join(self.folder, path))
            self.folder = "" if moved in (".", "..") or moved.startswith("../") else moved

    def _read_one(self, command: Sequence[str], *, is_module: bool) -> None:
        part = JobFindings()
        read_command([word.rstrip(")") if word != ")" else "" for word in command], part)
        part.move_to(self.folder)
        if is_module and part.runners:
            part.options.append(AS_MODULE)
        self.found.merge_from(part)
        if self.tree and self.depth < _MAX_DEPTH:
            called = find_called_script(self.tree, list(command), self.folder)
            bare = _strip_prefixes(strip_tool_run(list(command)))
            if not called.text and bare != command:
                called = find_called_script(self.tree, bare, self.folder)
            if called.text:
                self._read_called(called.text, called.folder)

    def _read_called(self, text: str, folder: str) -> None:
        inner = _Script(
            tree=self.tree, variables=dict(self.variables), folder=folder, depth=self.depth + 1
        )
        inner.read(text)
        self.found.merge_from(inner.found)


def split_commands(text: str, variables: dict[str, str]) -> Iterator[list[str]]:
    """Yield the words of every simple command; lines with invalid shell syntax are skipped.

    So are branches that are not taken.
    A command that only assigns is not yielded; its literal values are added to *variables*.
    """
    joined = re.sub(r"\\\r?\n", " ", re.sub(r"\$\{\{.*?\}\}", "${}", text))
    for line in iter_taken(joined, variables):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=_OPERATORS)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:
            continue
        for operator, group in groupby(words, lambda word: not word.strip(_OPERATORS)):
            if not operator:
                command = [part for word in group for part in _substitute(word, variables)]
                if not _add_assignments(command, variables):
                    yield command


def _substitute(word: str, variables: Mapping[str, str]) -> list[str]:
    """Replace known variables; a word that is nothing but a variable may become several."""
    replaced = _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), word)
    return replaced.split() if _VARIABLE.fullmatch(word) else [replaced]


def _add_assignments(words: Sequence[str], variables: dict[str, str]) -> bool:
    """Whether the command only assigns variables, which are added to *variables*."""
    rest = [word for word in words if word not in ("export", "local", "then", "else", "do")]
    if not rest or not all(_ASSIGNMENT.match(word) for word in rest):
        return False
    for name, _, value in (word.partition("=") for word in rest):
        if _UNKNOWN.search(value):
            variables.pop(name, None)
        else:
            variables[name] = value
    return True


def _strip_prefixes(words: Sequence[str]) -> list[str]:
    """Strip wrappers and variable assignments before the actual command."""
    rest = list(words)
    while rest:
        head = rest[0].lstrip("-@(") if len(rest[0]) > 1 else rest[0]
        if not head:
            rest = rest[1:]
        elif head in _PREFIXES or _ASSIGNMENT.match(head):
            rest = rest[1:]
            while rest and re.match(r"-|\d+[smh]?$", rest[0]):  # options of sudo, env, timeout
                rest = rest[1:]
        elif _PYTHON.match(head) and rest[1:2] == ["-m"]:
            rest = rest[2:]
        elif _PYTHON.match(head) and rest[1:3] and re.match(r"-[bBEsSWIuO]", rest[1]):
            rest = [head, *rest[3 if rest[1] == "-W" else 2 :]]
        elif head.rpartition("/")[2] == "coverage" and rest[1:2] == ["run"]:
            rest = _strip_coverage(rest[2:])
        else:
            return [head, *rest[1:]]
    return []


def _is_module_run(words: Sequence[str]) -> bool:
    """Whether Python runs pytest as a module, which puts the working directory on `sys.path`."""
    return any(pair in (("-m", "pytest"), ("-m", "py.test")) for pair in pairwise(words))


def _strip_coverage(words: list[str]) -> list[str]:
    """Return the command that `coverage run` runs."""
    if "-m" in words:
        return words[words.index("-m") + 1 :]
    return [word for word in words if not word.startswith("-")]
