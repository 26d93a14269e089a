"""A file after its part of a git diff, and where each of its new lines is in the diff."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from curate.patches.lines import split_lines
from curate.patches.parse import split_hunks

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


@dataclass(frozen=True, kw_only=True)
class PatchedFile:
    """A file after a patch, and its added lines.

    `added` maps the number of a line, from 1, to the index of that line among those of the diff.
    """

    text: bytes
    added: Mapping[int, int]


@dataclass(frozen=True, kw_only=True)
class _DiffLine:
    kind: bytes  # " ", "+" or "-"
    text: bytes  # with its end of line, if it has one
    index: int


def patch_file(old: bytes, section: bytes) -> PatchedFile:
    """Apply one file's diff to the content *old*, exactly: without offsets and fuzz.

    Raises ValueError if the diff is for another content, or is binary.
    """
    head, hunks = split_hunks(section)
    if b"\nGIT binary patch\n" in head or b"\nBinary files " in head:
        raise ValueError("the change is binary")
    old_lines = split_lines(old)
    new_lines: list[bytes] = []
    added: dict[int, int] = {}
    at, index = 0, head.count(b"\n")
    for hunk in hunks:
        start = _find_start(hunk)
        new_lines += old_lines[at:start]
        at = start
        for line in _iter_lines(hunk, index):
            if line.kind != b"+":
                _require_equal(old_lines, at, line.text)
                at += 1
            if line.kind != b"-":
                new_lines.append(line.text)
            if line.kind == b"+":
                added[len(new_lines)] = line.index
        index += hunk.count(b"\n")
    return PatchedFile(text=b"".join((*new_lines, *old_lines[at:])), added=added)


def _find_start(hunk: bytes) -> int:
    """Return the index of the first old line that *hunk* is about."""
    match = _HUNK.match(hunk)
    if match is None:
        raise ValueError("a hunk has no valid header")
    start, count = int(match[1]), int(match[2] or 1)
    return start - 1 if count else start


def _iter_lines(hunk: bytes, index: int) -> Iterator[_DiffLine]:
    lines = split_lines(hunk)
    for offset, line in enumerate(lines[1:], 1):
        if line[:1] not in (b" ", b"+", b"-", b"\n"):
            continue  # "\\ No newline at end of file"
        ends = offset + 1 < len(lines) and lines[offset + 1].startswith(b"\\")
        text = line[1:] if line != b"\n" else line  # some mail programs strip the blank
        kind = line[:1] if line != b"\n" else b" "
        yield _DiffLine(
            kind=kind, text=text.removesuffix(b"\n") if ends else text, index=index + offset
        )


def _require_equal(lines: Sequence[bytes], at: int, expected: bytes) -> None:
    if at >= len(lines) or lines[at] != expected:
        raise ValueError(f"the diff is for another content: line {at + 1} differs")
