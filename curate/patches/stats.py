"""Lines, files and functions that a patch edits, from the patch and the old files."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from curate.patches.file_kinds import is_documentation
from curate.patches.parse import FilePatch, split_files, split_hunks

HunkLines = list[bytes]  # lines with their prefix: "+", "-", " "

_DEFINED = re.compile(rb"^([ \t]*)(?:async[ \t]+)?def[ \t]+(\w+)")


@dataclass(frozen=True, kw_only=True)
class PatchStats:
    """Size of a patch's changes to source, without tests, documentation and configuration."""

    files: int
    lines: int  # added and removed
    functions: int | None  # Python functions changed or added; None = unknown
    hunks: int


@dataclass(frozen=True, kw_only=True)
class ChangedLine:
    """A changed line; `old_line` is its old line number, or that of the line it follows."""

    old_line: int
    is_added: bool
    text: bytes


def source_file_patches(patch: bytes) -> tuple[FilePatch, ...]:
    """Return the files of *patch* without documentation and configuration."""
    return tuple(part for part in split_files(patch) if not is_documentation(part.path))


def compute_patch_stats(
    patch: bytes, read_old_file: Callable[[str], bytes | None] | None = None
) -> PatchStats:
    """Compute the size of the gold *patch*.

    *read_old_file* reads a file at the base commit, None if it is missing. Without it, the number
    of functions is None.
    """
    file_patches = source_file_patches(patch)
    lines = [list(iter_changed_lines(part.data)) for part in file_patches]
    pairs = [(p, c) for p, c in zip(file_patches, lines, strict=True) if p.path.endswith(".py")]
    functions = (
        sum(count_edited_functions(read_old_file(p.source or p.path) or b"", c) for p, c in pairs)
        if read_old_file
        else None
    )
    return PatchStats(
        files=len(file_patches),
        lines=sum(map(len, lines)),
        functions=functions,
        hunks=sum(1 for part in file_patches for _ in iter_hunks(part)),
    )


def iter_hunks(part: FilePatch) -> Iterator[HunkLines]:
    """Yield the lines of each hunk of a file's diff, without the `@@` line."""
    yield from (hunk.split(b"\n")[1:] for hunk in split_hunks(part.data)[1])


@lru_cache(maxsize=2)
def list_source_hunks(patch: bytes) -> tuple[HunkLines, ...]:
    """Return the hunks of `source_file_patches`; several measures of one patch are from them."""
    return tuple(hunk for part in source_file_patches(patch) for hunk in iter_hunks(part))


def iter_changed_lines(section: bytes) -> Iterator[ChangedLine]:
    """Yield the added and removed lines of one file's diff; ValueError if it is invalid."""
    for hunk in _read_hunks(section):
        old = hunk.source_start - 1 if hunk.source_length else hunk.source_start
        for line in hunk:
            old = line.source_line_no or old
            if line.is_added or line.is_removed:
                yield ChangedLine(old_line=old, is_added=line.is_added, text=_line_bytes(line))


def _read_hunks(section: bytes) -> Iterator[Any]:
    """Parse the hunks of one file's diff; Latin-1 preserves every byte of any encoding.

    The header is replaced, as the parser misreads some file names that git writes.
    """
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    hunks = b"".join(split_hunks(section)[1])
    try:
        files = PatchSet((b"--- a\n+++ b\n" + hunks).decode("latin-1"))
    except UnidiffParseError as error:
        raise ValueError(f"not a diff: {error}") from error
    for file in files:
        yield from file


def _line_bytes(line: Any) -> bytes:
    return bytes(line.value.removesuffix("\n").encode("latin-1"))


def count_edited_functions(source: bytes, changes: list[ChangedLine]) -> int:
    """Count the (innermost) functions of *source* that *changes* touch, plus those they add."""
    function_starts = _enclosing_functions(source)
    edited = {
        function_starts[c.old_line]
        for c in changes
        if c.text.strip() and 0 < c.old_line < len(function_starts)
    }
    removed = {m[2] for c in changes if not c.is_added and (m := _DEFINED.match(c.text))}
    added = {m[2] for c in changes if c.is_added and (m := _DEFINED.match(c.text))}
    return len(edited - {0}) + len(added - removed)


def _enclosing_functions(source: bytes) -> list[int]:
    """Map each line number to the first line of its innermost function; 0 for none."""
    function_starts, open_functions = [0], list[tuple[int, int]]()  # (indentation, first line)
    for number, line in enumerate(source.split(b"\n"), 1):
        text = line.lstrip(b" \t")
        indent = len(line) - len(text)
        if text.strip() and not text.startswith((b"#", b")", b"]", b"}")):
            while open_functions and open_functions[-1][0] >= indent:
                open_functions.pop()
        if _DEFINED.match(line):
            open_functions.append((indent, number))
        function_starts.append(open_functions[-1][1] if open_functions else 0)
    return function_starts
