"""Access to git objects by name, through `git cat-file`."""

import re
from collections.abc import Sequence
from pathlib import Path

from curate.builders.git.batch_process import GitProcess

_NAME = re.compile(rb"[0-9a-f]{40,64}\n")


class ObjectReader:
    """Reads objects and resolves their names; the result for a missing object is None."""

    def __init__(self, path: Path) -> None:
        self._contents = GitProcess(path, ["cat-file", "--batch"])
        self._checks = GitProcess(path, ["cat-file", "--batch-check=%(objectname)"])

    def read(self, name: str) -> bytes | None:
        """Return the content of the object *name* (oid or `rev:path`), or None if it is missing.

        Raises:
            GitCommandError: git died within its answer.
        """
        self._contents.write_requests(_encode_request(name))
        header = self._contents.stdout.readline()
        if not header.endswith(b"\n"):
            raise self._contents.collect_failure()
        words = header.split()
        if not words[-1].isdigit():  # "<name> missing", also "ambiguous"
            return None
        return self._contents.stdout.read(int(words[-1]) + 1)[:-1]

    def resolve_names(self, revisions: Sequence[str]) -> list[str | None]:
        """Return the object ids of *revisions* (`rev` or `rev:path`); None for missing ones.

        All are sent as one batch. A name with a line break cannot be sent and counts as missing.

        Raises:
            GitCommandError: git died within its answer.
        """
        self._checks.write_requests(b"".join(map(_encode_request, revisions)))
        return [self._read_name() for _ in revisions]

    def _read_name(self) -> str | None:
        answer = self._checks.stdout.readline()
        if not answer.endswith(b"\n"):
            raise self._checks.collect_failure()
        return answer[:-1].decode("ascii") if _NAME.fullmatch(answer) else None

    def close(self) -> None:
        """Stop both git processes."""
        self._contents.close()
        self._checks.close()


def _encode_request(name: str) -> bytes:
    return b"\n" if "\n" in name else name.encode("utf-8", "surrogateescape") + b"\n"
