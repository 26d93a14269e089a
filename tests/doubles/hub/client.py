"""A process that is a client of a Hub double: it imports the real clients once and runs scripts.

Clients read their endpoint when they are imported, so they need a process that was started for
one double; starting one for each script costs seconds of imports.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path
from typing import Any, Self

from tests.doubles.hub.server import HubDouble

ROOT = Path(__file__).parents[3]


class HubClient:
    """Runs scripts as a user of *hub*, whose caches are below *home*; a context manager."""

    def __init__(self, hub: HubDouble, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.doubles.hub.client"],
            env={**os.environ, **hub.environment(home)},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._token = hub.state.token

    def run(self, code: str, *arguments: object, token: bool = True) -> Any:
        """What *code* prints in its last line, read as JSON; AssertionError if it fails."""
        request = {
            "code": textwrap.dedent(code),
            "argv": ["-c", *map(str, arguments)],
            "token": self._token if token else "",
        }
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert not answer["error"], answer["error"]
        return json.loads(answer["printed"].splitlines()[-1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def _answered(request: dict[str, Any]) -> dict[str, str]:
    os.environ["HF_TOKEN"] = request["token"]
    sys.argv = request["argv"]
    printed, error = io.StringIO(), ""
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(request["code"], "<script>", "exec"), {"__name__": "__main__"})
        except BaseException:
            error = traceback.format_exc()
    return {"printed": printed.getvalue(), "error": error}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answered(json.loads(line))) + "\n")
        sys.stdout.flush()
