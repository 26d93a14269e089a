"""Files that the user names."""

import errno
from pathlib import Path


def require_ordinary_file(path: Path) -> None:
    """Raise OSError if *path* is a pipe, socket or device: nobody may ever write to it or end it.

    What is missing, or a directory, is left to whoever opens it.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "It is not an ordinary file", str(path))
