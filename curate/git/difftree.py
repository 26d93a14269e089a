"""File lists and patches between two commits, through one `git diff-tree --stdin`."""

from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from curate.git.process import GitProcess

_COMMON = ("diff-tree", "--stdin", "-r", "--no-renames")


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """One file of a diff: modes and object names of both sides; status is A, D, M or T."""

    path: str
    status: str
    old_mode: str
    new_mode: str
    old_oid: str
    new_oid: str


class DiffTree:
    """Diffs between commits; renames are shown as a deletion and an addition."""

    def __init__(self, path: Path) -> None:
        self._lists = GitProcess(path, [*_COMMON, "--raw", "-z", "--no-abbrev"])
        self._patches = GitProcess(path, [*_COMMON, "-p", "--full-index", "--binary"])
        self._mark = f"end {token_hex(8)}\n".encode()

    def files(self, old: str, new: str) -> tuple[FileChange, ...]:
        """Files that differ from commit *old* to *new*; raises `GitFailed` on missing objects."""
        data = self._asked(self._lists, old, new)
        return parsed_changes(data.partition(b"\0")[2])

    def patch(self, old: str, new: str) -> bytes:
        """Applicable diff from *old* to *new*, binary files whole; raises `GitFailed`."""
        data = self._asked(self._patches, old, new)
        return data.partition(b"\n")[2].removeprefix(b"\n")

    def close(self) -> None:
        """End both processes."""
        self._lists.close()
        self._patches.close()

    def _asked(self, process: GitProcess, old: str, new: str) -> bytes:
        """One answer: git echoes and flushes a line that is no object name, which marks the end."""
        process.send(f"{new} {old}\n".encode() + self._mark)
        pieces: list[bytes] = []
        tail = b""
        while not tail.endswith(self._mark):
            piece = process.answers.read1(1 << 16)  # type: ignore[attr-defined]
            if not piece:
                raise process.failed()
            pieces.append(piece)
            tail = (tail + piece)[-len(self._mark) :]
        return b"".join(pieces)[: -len(self._mark)]


def parsed_changes(raw: bytes) -> tuple[FileChange, ...]:
    """Read `--raw -z` output without its commit line."""
    fields = raw.split(b"\0")[:-1]
    return tuple(_change(fields[n].decode(), fields[n + 1]) for n in range(0, len(fields) - 1, 2))


def _change(line: str, path: bytes) -> FileChange:
    old_mode, new_mode, old_oid, new_oid, status = line.removeprefix(":").split(" ")
    return FileChange(
        path=path.decode("utf-8", errors="surrogateescape"),
        status=status[0],
        old_mode=old_mode,
        new_mode=new_mode,
        old_oid=old_oid,
        new_oid=new_oid,
    )
