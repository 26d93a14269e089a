"""Scripts of the repository and make targets that a shell command calls."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import normpath

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text

MAX_SCRIPT_BYTES = 100_000
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "source", "."})
_SHEBANG = re.compile(r"^#!.*\b(?:ba|da|z)?sh\b")
_TARGET = re.compile(
    r"^([\w./% -]+):(?![:=])([^\n=]*)\n((?:\t[^\n]*\n|\n)*)", re.MULTILINE
)  # names, prerequisites, body


def find_called_script(tree: FileTree, words: Sequence[str]) -> str:
    """Return the shell commands in *tree* that the command *words* runs; "" if there are none."""
    if not words:
        return ""
    if words[0] == "make":
        targets = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        return collect_make_commands(read_make_targets(tree), targets)
    if words[0] in _SHELLS:
        arguments = [word for word in words[1:] if not word.startswith("-")]
        return _read_shell_script(tree, arguments[0]) if arguments else ""
    return _read_shell_script(tree, words[0])


@dataclass(frozen=True, kw_only=True)
class MakeTarget:
    """A target of a Makefile."""

    needed: tuple[str, ...]  # prerequisites
    commands: str


def read_make_targets(tree: FileTree) -> dict[str, MakeTarget]:
    """Return the targets of the Makefile by name."""
    found: dict[str, MakeTarget] = {}
    for names, needed, body in _TARGET.findall(decode_text(tree.read("Makefile") or b"") + "\n"):
        commands = re.sub(r"^\t[@+-]*", "", body, flags=re.M).replace("$(", "${").replace("$$", "$")
        target = MakeTarget(needed=tuple(needed.split("#")[0].split()), commands=commands)
        found |= dict.fromkeys(names.split(), target)
    return found


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
