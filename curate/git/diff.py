"""File lists and patches between two commits, through `git diff-tree --stdin`."""

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from builders.git.run import GitFailed
from curate.git.marked import Marked

_COMMON = ("diff-tree", "--stdin", "-r")
_LISTS = (*_COMMON, "--no-renames", "--raw", "-z", "--no-abbrev")
_PATCHES = (*_COMMON, "-p", "--full-index", "--binary")
# What GitHub's diffs do, and git's own since 2.9; the limit is named as it differs by version.
_RENAMES = ("-M50%", "-l1000")
_WORKERS = 2  # processes that make patches: most of their time is git's own

Sides = tuple[str, str]
"""The old and the new commit of a diff."""


class FileChange(NamedTuple):
    """One file of a diff: modes and object names of both sides; status is A, D, M or T."""

    old_mode: str
    new_mode: str
    old_oid: str
    new_oid: str
    status: str
    path: str


class DiffTree:
    """Diffs between commits, in bulk; what git cannot diff is a `GitFailed` in its place."""

    def __init__(self, path: Path) -> None:
        self._lists = Marked(path, _LISTS)
        self._workers = [Marked(path, (*_PATCHES, *_RENAMES)) for _ in range(_WORKERS)]
        self._plain = Marked(path, (*_PATCHES, "--no-renames"))

    def files(self, wanted: Sequence[Sides]) -> Iterator[tuple[FileChange, ...] | GitFailed]:
        """Files that differ, for each of *wanted*; a rename is a deletion and an addition."""
        for answer in self._lists.ask([_line(sides) for sides in wanted]):
            yield answer if isinstance(answer, GitFailed) else parsed_changes(answer)

    def patches(self, wanted: Sequence[Sides]) -> Iterator[bytes | GitFailed]:
        """Applicable diffs, binary files whole, renames as renames, for each of *wanted*."""
        lines = [_line(sides) for sides in wanted]
        shares = [it.ask(lines[n::_WORKERS]) for n, it in enumerate(self._workers)]
        in_turn = chain.from_iterable(zip_longest(*shares))
        yield from (_patch(answer) for answer in in_turn if answer is not None)

    def plain_patch(self, sides: Sides) -> bytes | GitFailed:
        """As `patches`, with a rename as a deletion and an addition."""
        (answer,) = self._plain.ask([_line(sides)])
        return _patch(answer)

    def close(self) -> None:
        """End all processes."""
        for process in (self._lists, self._plain, *self._workers):
            process.close()


def _line(sides: Sides) -> bytes:
    return f"{sides[1]} {sides[0]}".encode()


def _patch(answer: bytes | GitFailed) -> bytes | GitFailed:
    if isinstance(answer, GitFailed):
        return answer
    return answer.partition(b"\n")[2].removeprefix(b"\n")


def parsed_changes(raw: bytes) -> tuple[FileChange, ...]:
    """Read `--raw -z` output: the commit's name, then headers and paths in turn."""
    fields = raw.split(b"\0")[1:-1]
    return tuple(map(_change, fields[::2], fields[1::2]))


def _change(header: bytes, path: bytes) -> FileChange:
    old_mode, new_mode, old_oid, new_oid, status = header[1:].decode("ascii").split(" ")
    name = path.decode("utf-8", "surrogateescape")
    return FileChange(old_mode, new_mode, old_oid, new_oid, status[0], name)
