"""Cutting a git diff into its files, byte for byte."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

_START = re.compile(rb"^diff --git ", re.MULTILINE)
_NAMED = re.compile(rb"^(rename to |copy to |\+\+\+ |--- )(.*)$", re.MULTILINE)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_PLAIN = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


@dataclass(frozen=True, kw_only=True)
class FileSection:
    """What a diff says of one file: its path (the old one if deleted) and every byte of it."""

    path: str
    data: bytes


def sections(diff: bytes) -> tuple[FileSection, ...]:
    """The files of *diff* in order; joined they are *diff* from its first `diff --git` on.

    No line of a hunk or of a binary patch can start with `diff --git `: the former have a
    prefix, the latter no blanks.
    """
    starts = [match.start() for match in _START.finditer(diff)]
    pieces = [diff[start:end] for start, end in pairwise([*starts, len(diff)])]
    return tuple(FileSection(path=_path(piece), data=piece) for piece in pieces)


def split(patch: bytes, is_test: Callable[[str], bool]) -> tuple[bytes, bytes]:
    """*patch* as (gold, test): whole files, order kept, every byte in exactly one of them."""
    gold, test = bytearray(), bytearray()
    for section in sections(patch):
        (test if is_test(section.path) else gold).extend(section.data)
    return bytes(gold), bytes(test)


def _path(piece: bytes) -> str:
    head, _, _ = piece.partition(b"\n@@ ")
    head, _, _ = head.partition(b"\nGIT binary patch")
    named = {key.strip(): value for key, value in _NAMED.findall(head)}
    for key in (b"rename to", b"copy to"):
        if key in named:
            return _decoded(_unquoted(named[key]))
    for key in (b"+++", b"---"):
        side = _unquoted(named[key].rstrip(b"\t")) if key in named else b"/dev/null"
        if side != b"/dev/null":
            return _decoded(side[2:])
    return _decoded(_header_path(head.partition(b"\n")[0]))


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
