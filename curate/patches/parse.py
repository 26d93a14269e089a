"""Splitting a git diff into files and hunks, byte for byte."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_START = b"diff --git "
_NO_RENAME = (b"index ", b"new file mode ", b"deleted file mode ")  # second lines
_NAMED = re.compile(rb"^((?:rename|copy) (?:from|to) |\+\+\+ |--- )(.*)$", re.MULTILINE)
_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@", re.MULTILINE)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_PLAIN = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


@dataclass(frozen=True, kw_only=True)
class FilePatch:
    """The part of a diff for one file: its path (the old one if deleted) and its bytes."""

    path: str
    data: bytes
    source: str = ""  # old path of a renamed or copied file


def split_files(diff: bytes) -> tuple[FilePatch, ...]:
    """Split *diff* into its files; joined, they equal *diff* from its first `diff --git` on.

    No line of a hunk or of a binary patch can start with `diff --git `: the former have a
    prefix, the latter no spaces.
    """
    file_diffs = [diff[start:end] for start, end in pairwise([*_iter_file_starts(diff), len(diff)])]
    return tuple(_parse_file_patch(data) for data in file_diffs)


def _iter_file_starts(diff: bytes) -> Iterator[int]:
    if diff.startswith(_START):
        yield 0
    at = diff.find(b"\n" + _START)
    while at >= 0:
        yield at + 1
        at = diff.find(b"\n" + _START, at + 1)


def split_hunks(section: bytes) -> tuple[bytes, list[bytes]]:
    """Return header and hunks of one file's diff; joined, they equal *section*."""
    starts = [match.start() for match in _HUNK.finditer(section)]
    bounds = [*starts, len(section)]
    return section[: bounds[0]], [section[start:end] for start, end in pairwise(bounds)]


def list_patch_paths(patch: bytes) -> tuple[bytes, ...]:
    """Return the sorted, unquoted paths that *patch* touches; both paths of a rename."""
    names = {name for part in split_files(patch) for name in (part.path, part.source) if name}
    return tuple(sorted(name.encode("utf-8", "surrogateescape") for name in names))


def crosses_test_boundary(parts: Sequence[FilePatch], is_test: Callable[[str], bool]) -> bool:
    """Whether a rename turns a test file into another kind of file, or vice versa.

    Such a rename cannot be split into a gold patch and a test patch.
    """
    return any(it.source and is_test(it.source) != is_test(it.path) for it in parts)


def split_gold_and_test(
    parts: Sequence[FilePatch], is_test: Callable[[str], bool]
) -> tuple[bytes, bytes]:
    """Split *parts* into (gold patch, test patch) by file, keeping their order."""
    gold: list[bytes] = []
    test: list[bytes] = []
    for part in parts:
        (test if is_test(part.path) else gold).append(part.data)
    return b"".join(gold), b"".join(test)


def _parse_file_patch(data: bytes) -> FilePatch:
    end = data.find(b"\n") + 1
    if data.startswith(_NO_RENAME, end):
        return FilePatch(path=_decode_path(_parse_header_path(data[: end - 1])), data=data)
    head, _, _ = data.partition(b"\n@@ ")
    head, _, _ = head.partition(b"\nGIT binary patch\n")
    named = {key.strip(): value for key, value in _NAMED.findall(head)}
    for kind in (b"rename", b"copy"):
        if kind + b" to" in named:
            path, source = (_unquote_path(named[kind + side]) for side in (b" to", b" from"))
            return FilePatch(path=_decode_path(path), data=data, source=_decode_path(source))
    return FilePatch(path=_decode_path(_parse_path(head, named)), data=data)


def _parse_path(head: bytes, named: Mapping[bytes, bytes]) -> bytes:
    for key in (b"+++", b"---"):
        side = _unquote_path(named[key].rstrip(b"\t")) if key in named else b"/dev/null"
        if side != b"/dev/null":
            return side[2:]
    return _parse_header_path(head.partition(b"\n")[0])


def _parse_header_path(line: bytes) -> bytes:
    """Parse the path of a diff without ---/+++ lines: both paths differ only in a/ and b/."""
    both = line.removeprefix(b"diff --git ")
    half = both[: (len(both) - 1) // 2]
    return _unquote_path(half)[2:]


def _unquote_path(name: bytes) -> bytes:
    """Undo git's C-style quoting, used for control characters and bytes beyond ASCII."""
    if not (name.startswith(b'"') and name.endswith(b'"')):
        return name
    return _ESCAPE.sub(_unescape_byte, name[1:-1])


def _unescape_byte(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if len(code) == 3:
        return bytes([int(code, 8) & 0xFF])
    return _PLAIN.get(code, code)


def _decode_path(path: bytes) -> str:
    return path.decode("utf-8", errors="surrogateescape")
