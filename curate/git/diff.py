"""File lists and patches between two commits, through `git diff-tree --stdin`."""

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from curate.builders.git.run import GitCommandError
from curate.git.marked import DelimitedProcess

_COMMON = ("diff-tree", "--stdin", "-r")
_LISTS = (*_COMMON, "--no-renames", "--raw", "-z", "--no-abbrev")
_PATCHES = (*_COMMON, "-p", "--full-index", "--binary")
# As GitHub's diffs and git's own default since 2.9; the limit is explicit as it differs by version.
_RENAMES = ("-M50%", "-l1000")
_PATCH_PROCESSES = 2  # processes that generate patches; git itself takes most of the time

CommitPair = tuple[str, str]
"""The old and the new commit of a diff."""


class FileChange(NamedTuple):
    """One file of a diff: modes and object ids before and after; status is A, D, M or T."""

    old_mode: str
    new_mode: str
    old_oid: str
    new_oid: str
    status: str
    path: str


class DiffReader:
    """Diffs between many pairs of commits.

    A pair that git cannot diff yields a `GitCommandError` in its place.
    """

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
        for answer in self._lists.send_requests([_encode_pair(pair) for pair in commit_pairs]):
            yield answer if isinstance(answer, GitCommandError) else parse_changes(answer)

    def read_patches(self, commit_pairs: Sequence[CommitPair]) -> Iterator[bytes | GitCommandError]:
        """Patches that `git apply` accepts, with binary files and renames, for *commit_pairs*."""
        requests = [_encode_pair(pair) for pair in commit_pairs]
        by_worker = [
            worker.send_requests(requests[n::_PATCH_PROCESSES])
            for n, worker in enumerate(self._workers)
        ]
        answers = chain.from_iterable(zip_longest(*by_worker))
        yield from (_strip_header(answer) for answer in answers if answer is not None)

    def read_plain_patch(self, pair: CommitPair) -> bytes | GitCommandError:
        """Like `read_patches` for one pair, with a rename as a deletion and an addition."""
        (answer,) = self._plain.send_requests([_encode_pair(pair)])
        return _strip_header(answer)

    def close(self) -> None:
        """Terminate all processes."""
        for process in (self._lists, self._plain, *self._workers):
            process.close()


def _encode_pair(pair: CommitPair) -> bytes:
    return f"{pair[1]} {pair[0]}".encode()


def _strip_header(answer: bytes | GitCommandError) -> bytes | GitCommandError:
    if isinstance(answer, GitCommandError):
        return answer
    return answer.partition(b"\n")[2].removeprefix(b"\n")


def parse_changes(raw: bytes) -> tuple[FileChange, ...]:
    """Parse `--raw -z` output: the commit id, then alternating headers and paths."""
    fields = raw.split(b"\0")[1:-1]
    return tuple(map(_parse_change, fields[::2], fields[1::2]))


def _parse_change(header: bytes, path: bytes) -> FileChange:
    old_mode, new_mode, old_oid, new_oid, status = header[1:].decode("ascii").split(" ")
    name = path.decode("utf-8", "surrogateescape")
    return FileChange(old_mode, new_mode, old_oid, new_oid, status[0], name)
