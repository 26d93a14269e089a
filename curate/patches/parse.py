"""Cutting a git diff into its files, byte for byte."""

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
class FileSection:
    """What a diff says of one file: its path (the old one if deleted) and every byte of it."""

    path: str
    data: bytes
    source: str = ""  # where a renamed or copied file was


def sections(diff: bytes) -> tuple[FileSection, ...]:
    """The files of *diff* in order; joined they are *diff* from its first `diff --git` on.

    No line of a hunk or of a binary patch can start with `diff --git `: the former have a
    prefix, the latter no blanks.
    """
    pieces = [diff[start:end] for start, end in pairwise([*_starts(diff), len(diff)])]
    return tuple(_section(piece) for piece in pieces)


def _starts(diff: bytes) -> Iterator[int]:
    if diff.startswith(_START):
        yield 0
    at = diff.find(b"\n" + _START)
    while at >= 0:
        yield at + 1
        at = diff.find(b"\n" + _START, at + 1)


def split_hunks(section: bytes) -> tuple[bytes, list[bytes]]:
    """Head and hunks of one file's diff; joined they are *section*, byte for byte."""
    starts = [match.start() for match in _HUNK.finditer(section)]
    bounds = [*starts, len(section)]
    return section[: bounds[0]], [section[start:end] for start, end in pairwise(bounds)]


def patch_paths(patch: bytes) -> tuple[bytes, ...]:
    """Paths that *patch* changes, adds or removes (renames: both names), sorted, unquoted."""
    names = {name for part in sections(patch) for name in (part.path, part.source) if name}
    return tuple(sorted(name.encode("utf-8", "surrogateescape") for name in names))


def crosses(parts: Sequence[FileSection], is_test: Callable[[str], bool]) -> bool:
    """Whether a test file becomes another file, or the reverse: halves cannot say that."""
    return any(it.source and is_test(it.source) != is_test(it.path) for it in parts)


def split(parts: Sequence[FileSection], is_test: Callable[[str], bool]) -> tuple[bytes, bytes]:
    """*parts* as (gold, test): whole files, order kept, every byte in exactly one of them."""
    gold: list[bytes] = []
    test: list[bytes] = []
    for part in parts:
        (test if is_test(part.path) else gold).append(part.data)
    return b"".join(gold), b"".join(test)


def _section(piece: bytes) -> FileSection:
    end = piece.find(b"\n") + 1
    if piece.startswith(_NO_RENAME, end):
        return FileSection(path=_decoded(_header_path(piece[: end - 1])), data=piece)
    head, _, _ = piece.partition(b"\n@@ ")
    head, _, _ = head.partition(b"\nGIT binary patch\n")
    named = {key.strip(): value for key, value in _NAMED.findall(head)}
    for kind in (b"rename", b"copy"):
        if kind + b" to" in named:
            path, source = (_unquoted(named[kind + side]) for side in (b" to", b" from"))
            return FileSection(path=_decoded(path), data=piece, source=_decoded(source))
    return FileSection(path=_decoded(_path(head, named)), data=piece)


def _path(head: bytes, named: Mapping[bytes, bytes]) -> bytes:
    for key in (b"+++", b"---"):
        side = _unquoted(named[key].rstrip(b"\t")) if key in named else b"/dev/null"
        if side != b"/dev/null":
            return side[2:]
    return _header_path(head.partition(b"\n")[0])


def _header_path(line: bytes) -> bytes:
    """Path of a section without ---/+++ lines: both sides are the same, only a/ and b/ differ."""
    both = line.removeprefix(b"diff --git ")
    half = both[: (len(both) - 1) // 2]
    return _unquoted(half)[2:]


def _unquoted(name: bytes) -> bytes:
    """Undo git's C-style quoting, used for control characters and bytes beyond ASCII."""
    if not (name.startswith(b'"') and name.endswith(b'"')):
        return name
    return _ESCAPE.sub(_unescaped, name[1:-1])


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if len(code) == 3:
        return bytes([int(code, 8) & 0xFF])
    return _PLAIN.get(code, code)


def _decoded(path: bytes) -> str:
    return path.decode("utf-8", errors="surrogateescape")
