"""Files that the user names."""

import errno
import os
import tomllib
from pathlib import Path
from typing import Any

from curate.core.errors import AuthenticationError

BYTE_ORDER_MARK = "\ufeff"  # which some editors write at the start


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a document, with or without byte order mark.

    Raises `tomllib.TOMLDecodeError`, also if it is nested too deeply.
    """
    try:
        return tomllib.loads(text.removeprefix(BYTE_ORDER_MARK))
    except RecursionError:
        raise tomllib.TOMLDecodeError("nested too deeply") from None


def require_ordinary_file(path: Path) -> None:
    """Raise OSError if *path* is a pipe, socket or device: nobody may ever write to it or end it.

    What is missing, or a directory, is left to whoever opens it.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "It is not an ordinary file", str(path))


def make_cache_dir(folder: Path) -> None:
    """Make the cache directory *folder*, which is by default in the home directory.

    Raises AuthenticationError if it cannot be made or written, as in a home that is read-only.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        reason = error.strerror or str(error)
    else:
        if os.access(folder, os.W_OK | os.X_OK):
            return
        reason = os.strerror(errno.EACCES)
    raise AuthenticationError(
        f"The cache directory {folder} cannot be used: {reason}.",
        hint="Set CURATE_CACHE_DIR, or cache_dir in curate.toml, to one that you may write.",
    )
