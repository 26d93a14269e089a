"""The line of first parents below a commit: on a main branch, what was merged there, and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from curate.builders.git.run import git_fields, run_git

_HEADER = "commit %H %ct %P"


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """A path that differs between a commit and its first parent."""

    path: str
    kind: str  # "A", "M", "D", or "T" if a file became a link or the reverse


@dataclass(frozen=True, kw_only=True)
class LineCommit:
    """A commit, its first parent ("" if the mirror has none), and what differs between both."""

    commit: str
    parent: str
    date: datetime  # committer date
    changes: tuple[FileChange, ...]


def iter_first_parents(mirror: Path, commit: str, since: datetime) -> Iterator[LineCommit]:
    """Yield *commit*, its first parent and so on, up to the last one before one older than *since*.

    For a merge, the changes are those that the merge brought to its first parent. Raises
    `GitCommandError` if *mirror* lacks the commit or a tree.
    """
    limit = f"--max-age={int(since.timestamp())}"
    what = ("--first-parent", "--raw", "--no-renames", "--no-abbrev", f"--format={_HEADER}")
    header, changes, record = "", list[FileChange](), ""
    for field in git_fields(mirror, "log", "-z", *what, limit, commit):
        text = field.decode("utf-8", "surrogateescape").lstrip("\n")
        if record:
            changes.append(FileChange(path=text, kind=record[-1]))
            record = ""
        elif text.startswith(":"):
            record = text
        elif text:
            if header:
                yield _make_commit(header, changes)
            header, changes = text, []
    if header:
        yield _make_commit(header, changes)


def find_commit_at(mirror: Path, commit: str, date: datetime) -> str:
    """Return the newest one of *commit* and its first parents that is not newer than *date*.

    "" if *mirror* has none.
    """
    limit = f"--min-age={int(date.timestamp())}"
    found = run_git(mirror, "rev-list", "-1", "--first-parent", limit, commit)
    return "" if found.returncode else found.stdout.decode().strip()


def _make_commit(header: str, changes: list[FileChange]) -> LineCommit:
    _, commit, seconds, *parents = header.split()
    return LineCommit(
        commit=commit,
        parent=parents[0] if parents else "",
        date=datetime.fromtimestamp(int(seconds), UTC),
        changes=tuple(changes),
    )
