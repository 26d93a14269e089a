"""Scripts of the repository and make targets that a shell command calls."""

import re
from collections.abc import Iterator, Sequence
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
        return read_make_targets(tree, targets)
    if words[0] in _SHELLS:
        arguments = [word for word in words[1:] if not word.startswith("-")]
        return _read_shell_script(tree, arguments[0]) if arguments else ""
    return _read_shell_script(tree, words[0])


def read_make_targets(tree: FileTree, names: Sequence[str]) -> str:
    """Return the commands of make targets and of those that they need, which come first."""
    targets = dict(iter_make_targets(tree))
    commands: list[str] = []
    seen: set[str] = set()

    def add(name: str) -> None:
        if name in targets and name not in seen:
            seen.add(name)
            needed, body = targets[name]
            for other in needed:
                add(other)
            commands.append(body)

    for name in names:
        add(name)
    return "\n".join(commands)


def iter_make_targets(tree: FileTree) -> Iterator[tuple[str, tuple[tuple[str, ...], str]]]:
    """Yield (name, (prerequisites, commands)) of each target of the Makefile."""
    text = decode_text(tree.read("Makefile") or b"")
    for names, needed, body in _TARGET.findall(text + "\n"):
        commands = re.sub(r"^\t[@+-]*", "", body, flags=re.M).replace("$(", "${").replace("$$", "$")
        for name in names.split():
            yield name, (tuple(needed.split("#")[0].split()), commands)


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
