"""Errors of files and directories that the user names, for the user."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.core.errors import AuthenticationError, ConfigurationError


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into an error that names *path*; a full disk stays what it is.

    Raises:
        AuthenticationError: It may not be written.
        ConfigurationError: It cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        reason = error.strerror or str(error)
        kind = (
            AuthenticationError
            if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}
            else ConfigurationError
        )
        raise kind(f"{path} cannot be written: {reason}.", hint="Choose another path.") from error
