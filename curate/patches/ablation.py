"""Which pieces of a gold patch its tests notice: the patch is tried with each piece left out.

A piece that can be left out while every FAIL_TO_PASS test still passes is work that the tests do
not ask for: a solution without it would be called right. Trivial patches must be called wrong. The
empty one, and with it any of test helpers alone, is what the before-runs try, for they have the
whole test patch; all that gold changes beside source is tried by itself.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from curate.patches.parse import FileSection, sections, split_hunks

MOST_PIECES = 16
"""Beyond so many hunks whole files are left out, and beyond so many files only the first ones."""

_PROSE = (".rst", ".md")
_HUNK = re.compile(rb"@@ -(\d+(?:,\d+)?) \+(\d+)((?:,\d+)? @@)")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of a gold patch, and the patch without it."""

    name: str  # "path" or "path @@ -old,lines"
    rest: bytes


def pieces(gold: bytes, is_source: Callable[[str], bool], most: int = MOST_PIECES) -> list[Piece]:
    """The pieces of the source files of *gold*, in its order; what is no source always stays."""
    files = sections(gold)
    found = list(_by_hunk(files, is_source))
    if len(found) > most:
        found = list(_by_file(files, is_source))[:most]
    return found


def settings_alone(gold: bytes, is_source: Callable[[str], bool]) -> bytes:
    """What *gold* changes beside source that tests could notice: settings and data, no prose."""
    parts = (part for part in sections(gold) if not is_source(part.path))
    return b"".join(part.data for part in parts if not part.path.lower().endswith(_PROSE))


def _by_hunk(files: Sequence[FileSection], is_source: Callable[[str], bool]) -> Iterator[Piece]:
    for index, file in enumerate(files):
        if not is_source(file.path):
            continue
        head, hunks = split_hunks(file.data)
        if len(hunks) < 2 or b"\nnew file mode" in head or b"\ndeleted file mode" in head:
            yield Piece(name=file.path, rest=_without(files, index))
            continue
        for left_out, hunk in enumerate(hunks):
            behind = [_moved(other, _grown(hunk)) for other in hunks[left_out + 1 :]]
            rest = b"".join((head, *hunks[:left_out], *behind))
            name = f"{file.path} {hunk.partition(b' +')[0].decode('ascii')}"
            yield Piece(name=name, rest=_without(files, index, rest))


def _by_file(files: Sequence[FileSection], is_source: Callable[[str], bool]) -> Iterator[Piece]:
    for index, file in enumerate(files):
        if is_source(file.path):
            yield Piece(name=file.path, rest=_without(files, index))


def _without(files: Sequence[FileSection], index: int, instead: bytes = b"") -> bytes:
    parts = [file.data for file in files]
    parts[index] = instead
    return b"".join(parts)


def _moved(hunk: bytes, lines: int) -> bytes:
    """*hunk* so many *lines* further up in the new file."""
    match = _HUNK.match(hunk)
    assert match is not None
    old, new, tail = match.groups()
    return b"@@ -%s +%d%s" % (old, int(new) - lines, tail) + hunk[match.end() :]


def _grown(hunk: bytes) -> int:
    lines = hunk.split(b"\n")[1:]
    return sum(line.startswith(b"+") for line in lines) - sum(
        line.startswith(b"-") for line in lines
    )
