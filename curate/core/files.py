"""Files that the user names."""

import errno
import tomllib
from pathlib import Path
from typing import Any

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
