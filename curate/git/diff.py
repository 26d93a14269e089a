"""File lists and patches between two commits, through `git diff-tree --stdin`."""

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from builders.git.run import GitCommandError
from curate.git.marked import DelimitedProcess

_COMMON = ("diff-tree", "--stdin", "-r")
_LISTS = (*_COMMON, "--no-renames", "--raw", "-z", "--no-abbrev")
_PATCHES = (*_COMMON, "-p", "--full-index", "--binary")
# What GitHub's diffs do, and git's own since 2.9; the limit is named as it differs by version.
_RENAMES = ("-M50%", "-l1000")
_PATCH_PROCESSES = 2  # processes that make patches: most of their time is git's own

CommitPair = tuple[str, str]
"""The old and the new commit of a diff."""


class FileChange(NamedTuple):
    """One file of a diff: modes and object names of both sides; status is A, D, M or T."""

    old_mode: str
    new_mode: str
    old_oid: str
    new_oid: str
    status: str
    path: str


class DiffReader:
    """Diffs between commits, in bulk; what git cannot diff is a `GitCommandError` in its place."""

    def __init__(self, path: Path) -> None:
        self._lists = DelimitedProcess(path, _LISTS)
        self._workers = [
            DelimitedProcess(path, (*_PATCHES, *_RENAMES)) for _ in range(_PATCH_PROCESSES)
        ]
        self._plain = DelimitedProcess(path, (*_PATCHES, "--no-renames"))

    def read_changed_files(
        self, commit_pairs: Sequence[CommitPair]
    ) -> Iterator[tuple[FileChange, ...] | GitCommandError]:
        """Files that differ, for each of *commit_pairs*; a rename is a deletion and an addition."""
        for answer in self._lists.send_requests([_encode_pair(sides) for sides in commit_pairs]):
            yield answer if isinstance(answer, GitCommandError) else parse_changes(answer)

    def read_patches(self, commit_pairs: Sequence[CommitPair]) -> Iterator[bytes | GitCommandError]:
        """Applicable diffs, binary files whole, renames as renames, for each of *commit_pairs*."""
        lines = [_encode_pair(sides) for sides in commit_pairs]
        shares = [
            it.send_requests(lines[n::_PATCH_PROCESSES]) for n, it in enumerate(self._workers)
        ]
        in_turn = chain.from_iterable(zip_longest(*shares))
        yield from (_strip_header(answer) for answer in in_turn if answer is not None)

    def read_plain_patch(self, sides: CommitPair) -> bytes | GitCommandError:
        """As `read_patches`, with a rename as a deletion and an addition."""
        (answer,) = self._plain.send_requests([_encode_pair(sides)])
        return _strip_header(answer)

    def close(self) -> None:
        """End all processes."""
        for process in (self._lists, self._plain, *self._workers):
            process.close()


def _encode_pair(sides: CommitPair) -> bytes:
    return f"{sides[1]} {sides[0]}".encode()


def _strip_header(answer: bytes | GitCommandError) -> bytes | GitCommandError:
    if isinstance(answer, GitCommandError):
        return answer
    return answer.partition(b"\n")[2].removeprefix(b"\n")


def parse_changes(raw: bytes) -> tuple[FileChange, ...]:
    """Read `--raw -z` output: the commit's name, then headers and paths in turn."""
    fields = raw.split(b"\0")[1:-1]
    return tuple(map(_parse_change, fields[::2], fields[1::2]))


def _parse_change(header: bytes, path: bytes) -> FileChange:
    old_mode, new_mode, old_oid, new_oid, status = header[1:].decode("ascii").split(" ")
    name = path.decode("utf-8", "surrogateescape")
    return FileChange(old_mode, new_mode, old_oid, new_oid, status[0], name)
