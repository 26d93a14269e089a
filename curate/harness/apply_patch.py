"""Applying a patch with git, and what it changes.

Part of the script `prepare_checkout.py`: stands alone, Python 3.6 and later.
"""

import os
import re
import subprocess
from typing import Any

EXIT_CANDIDATE, EXIT_TESTS, EXIT_ERROR = 90, 91, 89

_GIT = ("git", "-c", "safe.directory=*", "-c", "core.autocrlf=false", "-c", "core.safecrlf=false")
_RENAMED = re.compile(rb"^rename from (.*?)\r?$", re.MULTILINE)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_PLAIN = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


class DoesNotApplyError(Exception):
    """A patch does not apply; the argument is git's message."""


def apply_patch(folder: str, patch: str, options: Any, exit_code: int) -> None:
    """Apply *patch* in *folder*; raise DoesNotApplyError with *exit_code*."""
    _git_apply(folder, ("--whitespace=nowarn", *options, "--", patch), exit_code)


def list_changed_paths(folder: str, patch: str, options: Any) -> Any:
    """Return the paths that *patch* changes, both of a rename."""
    output = _git_apply(folder, ("--numstat", "-z", *options, "--", patch), EXIT_CANDIDATE)
    names = [line.split(b"\t", 2)[2] for line in output.split(b"\0") if line]
    with open(patch, "rb") as stream:
        names += [unquote(name) for name in _RENAMED.findall(stream.read())]
    return sorted({os.fsdecode(name) for name in names})


def _git_apply(folder: str, arguments: Any, exit_code: int) -> bytes:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    variables["GIT_CEILING_DIRECTORIES"] = os.path.dirname(os.path.realpath(folder))
    variables["GIT_CONFIG_NOSYSTEM"] = "1"
    command = [*_GIT, "apply", *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        output, errors = process.communicate()
    if process.returncode:
        raise DoesNotApplyError(exit_code, errors.decode("utf-8", "replace")[-2000:].strip())
    return output


def unquote(name: bytes) -> bytes:
    """Undo git's quoting of a path."""
    if not (len(name) > 1 and name.startswith(b'"') and name.endswith(b'"')):
        return name
    return _ESCAPE.sub(
        lambda it: (
            bytes([int(it.group(1), 8) & 255])
            if len(it.group(1)) == 3
            else _PLAIN.get(it.group(1), it.group(1))
        ),
        name[1:-1],
    )
