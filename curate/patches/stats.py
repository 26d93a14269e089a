"""What a patch edits: lines, files and functions; pure, from the patch and the old files."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from curate.patches.file_kinds import is_document
from curate.patches.parse import FileSection, sections, split_hunks

Hunk = list[bytes]  # lines with their marks: "+", "-", " "

_DEFINED = re.compile(rb"^([ \t]*)(?:async[ \t]+)?def[ \t]+(\w+)")


@dataclass(frozen=True, kw_only=True)
class Edits:
    """Sizes of a patch's changes to source: no tests, no documentation, no configuration."""

    files: int
    lines: int  # added and removed
    functions: int | None  # of Python, that lose or gain a line, or are new; None = not known
    hunks: int


@dataclass(frozen=True, kw_only=True)
class Line:
    """A changed line: `old` is its number before, or of the line that it comes after."""

    old: int
    added: bool
    text: bytes


def source_sections(patch: bytes) -> tuple[FileSection, ...]:
    """The files of *patch* but for documentation and configuration."""
    return tuple(part for part in sections(patch) if not is_document(part.path))


def edits(patch: bytes, old: Callable[[str], bytes | None] | None = None) -> Edits:
    """Edits of the gold *patch*; *old* reads a file of the base, None for a missing one."""
    parts = source_sections(patch)
    lines = [list(changed_lines(part.data)) for part in parts]
    pairs = [(p, c) for p, c in zip(parts, lines, strict=True) if p.path.endswith(".py")]
    functions = sum(edited_functions(old(p.path) or b"", c) for p, c in pairs) if old else None
    return Edits(
        files=len(parts),
        lines=sum(map(len, lines)),
        functions=functions,
        hunks=sum(1 for part in parts for _ in hunks(part)),
    )


def hunks(part: FileSection) -> Iterator[Hunk]:
    """The lines of each hunk of a file's diff, without its head."""
    yield from (hunk.split(b"\n")[1:] for hunk in split_hunks(part.data)[1])


def changed_lines(section: bytes) -> Iterator[Line]:
    """Added and removed lines of one file's diff, in order; ValueError if git did not write it."""
    for hunk in _read_hunks(section):
        old = hunk.source_start - 1 if hunk.source_length else hunk.source_start
        for line in hunk:
            old = line.source_line_no or old
            if line.is_added or line.is_removed:
                yield Line(old=old, added=line.is_added, text=_content(line))


def _read_hunks(section: bytes) -> Iterator[Any]:
    """Hunks of one file's diff; Latin-1 keeps every byte, whatever the file's encoding."""
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    try:
        files = PatchSet(section.decode("latin-1"))
    except UnidiffParseError as error:
        raise ValueError(f"not a diff: {error}") from error
    for file in files:
        yield from file


def _content(line: Any) -> bytes:
    return bytes(line.value.removesuffix("\n").encode("latin-1"))


def edited_functions(source: bytes, changes: list[Line]) -> int:
    """Functions of *source* that *changes* touch (the innermost one), plus those they add."""
    owners = _owners(source)
    touched = {owners[c.old] for c in changes if c.text.strip() and 0 < c.old < len(owners)}
    removed = {m[2] for c in changes if not c.added and (m := _DEFINED.match(c.text))}
    added = {m[2] for c in changes if c.added and (m := _DEFINED.match(c.text))}
    return len(touched - {0}) + len(added - removed)


def _owners(source: bytes) -> list[int]:
    """By line number, the line where the innermost function around it begins; 0 for none."""
    owners, open_ones = [0], list[tuple[int, int]]()  # (indentation, first line)
    for number, line in enumerate(source.split(b"\n"), 1):
        text = line.lstrip(b" \t")
        indent = len(line) - len(text)
        if text.strip() and not text.startswith((b"#", b")", b"]", b"}")):
            while open_ones and open_ones[-1][0] >= indent:
                open_ones.pop()
        if _DEFINED.match(line):
            open_ones.append((indent, number))
        owners.append(open_ones[-1][1] if open_ones else 0)
    return owners
