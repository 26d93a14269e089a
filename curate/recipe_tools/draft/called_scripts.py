"""Scripts of the repository, make targets and tasks of tools that a shell command calls."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import join, normpath

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text
from curate.recipe_tools.draft.task_files import find_task

MAX_SCRIPT_BYTES = 100_000
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "source", "."})
_SHEBANG = re.compile(r"^#!.*\b(?:ba|da|z)?sh\b")
_TARGET = re.compile(
    r"^([\w./% -]+):(?![:=])([^\n=]*)\n((?:\t[^\n]*\n|\n)*)", re.MULTILINE
)  # names, prerequisites, body
_VARIABLE = re.compile(r"^(?:export\s+)?(\w+)\s*[:?]?=\s*([^\n#]*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class CalledScript:
    """Shell commands and the folder in which they run ("" = the root)."""

    text: str = ""
    folder: str = ""


def find_called_script(tree: FileTree, words: Sequence[str], folder: str = "") -> CalledScript:
    """Return the shell commands in *tree* that the command *words* in *folder* runs, if any."""
    if not words:
        return CalledScript()
    if words[0] == "make":
        return _find_make_commands(tree, words[1:], folder)
    task = find_task(tree, words, folder)
    if task:
        return CalledScript(text=task, folder=folder)
    path = words[0]
    if path in _SHELLS:
        arguments = [word for word in words[1:] if not word.startswith("-")]
        if not arguments:
            return CalledScript()
        path = arguments[0]
    return CalledScript(text=_read_shell_script(tree, join(folder, path)), folder=folder)


@dataclass(frozen=True, kw_only=True)
class MakeTarget:
    """A target of a Makefile."""

    needed: tuple[str, ...]  # prerequisites
    commands: str


def read_make_targets(tree: FileTree, path: str = "") -> dict[str, MakeTarget]:
    """Return the targets of the Makefile by name; *path* is the file, or "" for the usual names."""
    paths = (path,) if path else _MAKEFILES
    text = next(filter(None, (decode_text(tree.read(it) or b"") for it in paths)), "") + "\n"
    found: dict[str, MakeTarget] = {}
    variables = dict(_VARIABLE.findall(text))
    for names, needed, body in _TARGET.findall(text):
        lines = [
            _translate_line(line, variables) for line in re.sub(r"\\\n\t*", " ", body).split("\n")
        ]
        target = MakeTarget(needed=tuple(needed.split("#")[0].split()), commands="\n".join(lines))
        found |= dict.fromkeys(names.split(), target)
    return found


def _translate_line(line: str, variables: Mapping[str, str]) -> str:
    """Return a line of a target as a shell command; `cd` only holds for its line."""
    command = re.sub(r"^\t\s*[@+-]*", "", line).replace("$$", "\0")
    for _ in range(3):  # variables that contain variables
        command = re.sub(
            r"\$[({](\w+)[)}]", lambda it: variables.get(it[1], f"${{{it[1]}}}").strip(), command
        )
    command = command.replace("$(", "${").replace("\0", "$")
    return f"({command} )" if command.startswith("cd ") else command


def collect_make_commands(targets: Mapping[str, MakeTarget], names: Iterable[str]) -> str:
    """Return the commands of the targets *names* and of those that they need, which come first."""
    commands: list[str] = []
    seen: set[str] = set()

    def add(name: str) -> None:
        if name in targets and name not in seen:
            seen.add(name)
            for other in targets[name].needed:
                add(other)
            commands.append(targets[name].commands)

    for name in names:
        add(name)
    return "\n".join(commands)


def _find_make_commands(tree: FileTree, words: Sequence[str], folder: str) -> CalledScript:
    queue, path, names = list(words), "", []
    while queue:
        word = queue.pop(0)
        if word in ("-C", "--directory") and queue:
            folder = normpath(join(folder, queue.pop(0)))
        elif word in ("-f", "--file", "--makefile") and queue:
            path = queue.pop(0)
        elif not word.startswith("-") and "=" not in word:
            names.append(word)
    files = [path] if path else _MAKEFILES
    for file in files:
        targets = read_make_targets(tree, join(folder, file))
        if targets:
            chosen = names or [next(iter(targets))]
            text = collect_make_commands(targets, chosen)
            return CalledScript(text=text, folder=folder)
    return CalledScript()


def _read_shell_script(tree: FileTree, path: str) -> str:
    """Return the text of a shell script; "" if *path* is no such file."""
    if "$" in path or path.startswith(("/", "-")):
        return ""
    content = tree.read(normpath(path)) or b""
    if not content or len(content) > MAX_SCRIPT_BYTES or b"\0" in content:
        return ""
    text = decode_text(content)
    if text.startswith("#!"):
        return text if _SHEBANG.match(text.splitlines()[0]) else ""
    is_shell = path.endswith((".sh", ".bash")) or "." not in path.rsplit("/", 1)[-1]
    return text if is_shell and "/" in path else ""
