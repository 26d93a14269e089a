"""Objects of a mirror by name, through one `git cat-file`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from curate.git.process import GitProcess

_AUTHOR_TIME = re.compile(rb"^author .*> (\d+) [+-]\d{4}$", re.MULTILINE)
_ENCODING = re.compile(rb"^encoding (\S+)$", re.MULTILINE)
_MESSAGE_LIMIT = 64 << 10  # bytes; a squashed history can be megabytes


@dataclass(frozen=True, kw_only=True)
class CommitText:
    """What a commit says: its message and when its author wrote it (UTC)."""

    message: str
    authored_at: datetime


class CatFile:
    """Reads objects and asks for their names; missing ones are None."""

    def __init__(self, path: Path) -> None:
        self._contents = GitProcess(path, ["cat-file", "--batch"])
        self._checks = GitProcess(path, ["cat-file", "--batch-check=%(objectname)"])

    def read(self, name: str) -> bytes | None:
        """Content of the object *name* (oid or `rev:path`); None where the mirror lacks it."""
        self._contents.send(name.encode("utf-8", "surrogateescape") + b"\n")
        header = self._contents.answers.readline()
        if not header.endswith(b"\n"):
            raise self._contents.failed()
        words = header.split()
        if not words[-1].isdigit():  # "<name> missing", also "ambiguous"
            return None
        return self._contents.answers.read(int(words[-1]) + 1)[:-1]

    def commit(self, oid: str) -> CommitText | None:
        """Message and author time of a commit; None where it is missing or no commit."""
        data = self.read(oid)
        return parsed_commit(data) if data is not None else None

    def names(self, revisions: Sequence[str]) -> list[str | None]:
        """Object names of *revisions* (`rev` or `rev:path`, no line breaks), None if missing."""
        found = []
        for revision in revisions:
            found.append(self._name(revision))
        return found

    def _name(self, revision: str) -> str | None:
        if "\n" in revision:
            return None
        self._checks.send(revision.encode("utf-8", "surrogateescape") + b"\n")
        answer = self._checks.answers.readline()
        if not answer.endswith(b"\n"):
            raise self._checks.failed()
        text = answer.decode("ascii", "replace").strip()
        return text if re.fullmatch(r"[0-9a-f]{40,64}", text) else None

    def close(self) -> None:
        """End both processes."""
        self._contents.close()
        self._checks.close()


def parsed_commit(data: bytes) -> CommitText | None:
    """Read a raw commit object; None where it has no author line."""
    head, _, message = data.partition(b"\n\n")
    author = _AUTHOR_TIME.search(head)
    if author is None:
        return None
    encoding = _ENCODING.search(head)
    text = _decoded(message[:_MESSAGE_LIMIT], encoding[1].decode() if encoding else "utf-8")
    seconds = min(int(author[1]), 253402300799)
    return CommitText(message=text, authored_at=datetime.fromtimestamp(seconds, UTC))


def _decoded(message: bytes, encoding: str) -> str:
    try:
        return message.decode(encoding, errors="replace")
    except LookupError:
        return message.decode("utf-8", errors="replace")
