"""Read requirements files as pip does, following `-r` and `-c`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath

from curate.builders.git.tree import FileTree

_OPTION = re.compile(r"^(?:(-r|-c|-e)|--(requirement|constraint|editable))[\s=]*(.+)$")
_SELF = re.compile(r"^(?:\.|file:(?://)?\.)/?\[([^\]]*)\]")  # ".[a,b]"


@dataclass(kw_only=True)
class ParsedRequirements:
    """Contents of one or several requirements files."""

    lines: list[tuple[str, str]] = field(default_factory=list)  # (requirement, file)
    constraints: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)  # extras of the project itself
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)  # files read, including referenced ones
    python: str = ""  # "3.8" if the file is for this Python version only


def read_requirements_file(tree: FileTree, path: str) -> ParsedRequirements:
    """Return the contents of *path* and of the files it references; missing ones are noted."""
    contents = ParsedRequirements()
    _read_into(tree, normpath(path), contents, seen=set(), constraint=False)
    return contents


def add_requirements_text(text: str, origin: str, contents: ParsedRequirements) -> None:
    """Add the lines of *text*, a requirements file whose references are ignored."""
    for line in _logical_lines(text):
        if not line.startswith("-"):
            contents.lines.append((line, origin))


def _read_into(
    tree: FileTree, path: str, contents: ParsedRequirements, *, seen: set[str], constraint: bool
) -> None:
    if path in seen:
        return
    seen.add(path)
    content = tree.read(path)
    if content is None:
        contents.notes.append(f"requirements file {path} does not exist")
        return
    contents.files.append(path)
    for line in _logical_lines(content.decode("utf-8-sig", errors="replace")):
        option = _OPTION.match(line)
        if option:
            kind, value = (option[1] or option[2][:1]).lstrip("-"), option[3].strip()
            _follow_option(tree, path, contents, kind, value, seen, constraint)
        elif _SELF.match(line):
            _follow_option(tree, path, contents, "e", line, seen, constraint)
        elif line.startswith("-"):
            continue  # index and format options: curate's settings apply instead
        elif constraint:
            contents.constraints.append(line)
        else:
            contents.lines.append((line, path))


def _follow_option(
    tree: FileTree,
    path: str,
    contents: ParsedRequirements,
    kind: str,
    value: str,
    seen: set[str],
    constraint: bool,
) -> None:
    """Process `-r value`, `-c value` or `-e value` of *path*."""
    value = value.split(" #", maxsplit=1)[0].strip().strip("\"'")
    if kind == "e":
        self_reference = _SELF.match(value)
        if self_reference:
            contents.extras += [name.strip() for name in self_reference[1].split(",")]
        elif value not in (".", "./"):
            contents.notes.append(f"dropped -e {value}: not from an index")
        return
    target = normpath(join(dirname(path), value))
    _read_into(tree, target, contents, seen=seen, constraint=constraint or kind == "c")


def _logical_lines(text: str) -> Iterator[str]:
    """Yield non-empty lines without comments, with continuation lines joined."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        bare = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if bare:
            yield bare
