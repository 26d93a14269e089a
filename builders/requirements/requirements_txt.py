"""Read requirements files as pip does, following `-r` and `-c`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text

_OPTION = re.compile(r"^(?:(-r|-c|-e)|--(requirement|constraint|editable))[\s=]*(.+)$")
# A folder: "./a/b", "a/b[extra]", "file:a/b"; what has a scheme or "@" with one is from elsewhere.
_LOCAL = re.compile(
    r"^(?:[\w.-]+\s*@\s*)?(?:file:(?://(?!/))?)?(?!/)([\w.-]*(?:/[\w.-]+)+|\.\.)/?(?:\[[^\]]*\])?$"
)
_SELF = re.compile(r"^(?:file:(?://)?)?\.[./]*\[([^\]]*)\]")  # ".[a,b]", "../..[a]"


@dataclass(kw_only=True)
class ParsedRequirements:
    """Contents of one or several requirements files."""

    lines: list[tuple[str, str]] = field(default_factory=list)  # (requirement, file)
    constraints: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)  # extras of the project itself
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)  # files read, including referenced ones
    folders: list[str] = field(default_factory=list)  # of the checkout that are to be installed
    python: str = ""  # "3.8" if the file is for this Python version only


def read_requirements_file(tree: FileTree, path: str) -> ParsedRequirements:
    """Return the contents of *path* and of the files it references; missing ones are noted."""
    contents = ParsedRequirements()
    _FileReader(tree, contents).read(normpath(path))
    return contents


def read_requirement_lines(tree: FileTree, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the lines of several files, and of those they reference, without constraints."""
    contents = ParsedRequirements()
    reader = _FileReader(tree, contents)
    for path in paths:
        reader.read(normpath(path))
    return tuple(line for line, _ in contents.lines)


def add_requirement_lines(
    tree: FileTree, path: str, lines: Iterable[str], contents: ParsedRequirements
) -> None:
    """Add *lines* of *path*, a file that is no requirements file, with what they reference."""
    reader = _FileReader(tree, contents)
    for line in lines:
        reader.add_line(path, line)


def add_requirements_text(text: str, origin: str, contents: ParsedRequirements) -> None:
    """Add the lines of *text*, a requirements file whose references are ignored."""
    for line in split_lines(text):
        if not line.startswith("-"):
            contents.lines.append((line, origin))


class _FileReader:
    """Reads requirements files into *contents*, each once, following their references."""

    def __init__(self, tree: FileTree, contents: ParsedRequirements) -> None:
        self._tree, self._contents = tree, contents
        self._seen: set[str] = set()

    def read(self, path: str, *, constraint: bool = False) -> None:
        """Add the file *path*, as constraints if it is a constraints file."""
        if path in self._seen:
            return
        self._seen.add(path)
        content = self._tree.read(path)
        if content is None:
            self._contents.notes.append(f"requirements file {path} does not exist")
            return
        self._contents.files.append(path)
        for line in split_lines(decode_text(content)):
            self.add_line(path, line, constraint=constraint)

    def add_line(self, path: str, line: str, *, constraint: bool = False) -> None:
        """Add a line of the file *path*, or what it references."""
        option = _OPTION.match(line)
        if option:
            kind = (option[1] or option[2][:1]).lstrip("-")
            self._follow_option(path, kind, option[3].strip(), constraint=constraint)
        elif _SELF.match(line):
            self._follow_option(path, "e", line, constraint=constraint)
        elif line.startswith("-"):
            pass  # index and format options: curate's settings apply instead
        elif constraint:
            self._contents.constraints.append(line)
        elif _LOCAL.match(line.partition(";")[0].strip()):
            self._add_folder(path, line)
        else:
            self._contents.lines.append((line, path))

    def _follow_option(self, path: str, kind: str, value: str, *, constraint: bool) -> None:
        """Process `-r value`, `-c value` or `-e value` of *path*."""
        value = value.split(" #", maxsplit=1)[0].strip().strip("\"'")
        if kind == "e":
            self_reference = _SELF.match(value)
            if self_reference:
                self._contents.extras += [name.strip() for name in self_reference[1].split(",")]
            elif value not in (".", "./"):
                self._add_folder(path, value)
            return
        target = normpath(join(dirname(path), value))
        self.read(target, constraint=constraint or kind == "c")

    def _add_folder(self, path: str, value: str) -> None:
        """Add a local path that *path* names: from the root, as for pip, or from the file."""
        local = _LOCAL.match(value.partition(";")[0].strip())
        choices = [local[1], join(dirname(path), local[1])] if local else []
        found = [it for it in map(normpath, choices) if self._has_project(it)]
        if found:
            self._contents.folders.append(found[0])
        elif not re.fullmatch(r"\.[./]*", value):  # the project itself
            self._contents.notes.append(f"dropped {value}: not from an index ({path})")

    def _has_project(self, folder: str) -> bool:
        names = ("setup.py", "pyproject.toml")
        return any(self._tree.read(join(folder, name)) is not None for name in names)


def split_lines(text: str) -> Iterator[str]:
    """Yield non-empty lines without comments, with continuation lines joined."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        bare = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if bare:
            yield bare
