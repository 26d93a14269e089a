"""A file with the statuses of a session's tests, which several processes may write in turn.

Runs in evaluation images as part of other texts (PYTEST_DONT_REWRITE), on Python 3.6 and later.
"""

import json
import os
from typing import Any

_ORDER = ("SKIPPED", "XFAIL", "XPASS", "PASSED", "ERROR", "FAILED")
_END = ["", "END"]  # last line of a session that has ended


class StatusJournal:
    """Appends one line per status; lines of JSON: id and status."""

    def __init__(self, path: str) -> None:
        self._path = path

    def add(self, node_id: str, status: str) -> None:
        """Append the status of a test, a file or, without an id, the session."""
        self._write([node_id or ".", status])

    def end(self) -> None:
        """Append that the session has ended."""
        self._write(_END)

    def _write(self, line: Any) -> None:
        with open(self._path, "a") as stream:  # noqa: PTH123
            stream.write(json.dumps(line) + "\n")

    def read(self) -> Any:
        """Return (id, status) of all lines so far."""
        return [line for line in self._lines() if line != _END]

    def has_ended(self) -> bool:
        """Whether the last session ended, so that no process died in it."""
        return bool(self._lines()[-1:] == [_END])

    def _lines(self) -> Any:
        if not os.path.exists(self._path):  # noqa: PTH110
            return []
        with open(self._path) as stream:  # noqa: PTH123
            return [json.loads(line) for line in stream]

    def merge(self) -> Any:
        """Return the status that counts by id; ids are such that UTF-8 can encode them."""
        statuses = {}  # type: Any
        for name, status in self.read():
            printable = name.encode("utf-8", "backslashreplace").decode("utf-8")
            statuses[printable] = max(statuses.get(printable, status), status, key=_ORDER.index)
        return statuses
