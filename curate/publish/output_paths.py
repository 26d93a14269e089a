"""Files and directories that the user names: what is wrong with them, before any work is done."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.core.errors import AuthenticationError, ConfigurationError

DATA_FILE_SUFFIXES = frozenset(
    {".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".arrow", ".gz", ".zip", ".zst"}
)
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def explain_path_errors(path: Path, action: str = "written") -> Iterator[None]:
    """Turn an OSError into an error that names *path*; a full disk stays what it is.

    Raises:
        AuthenticationError: Permission is missing.
        ConfigurationError: *path* cannot be used for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        kind = AuthenticationError if error.errno in _DENIED else ConfigurationError
        reason = error.strerror or str(error)
        raise kind(f"{path} cannot be {action}: {reason}.", hint="Choose another path.") from error


def require_writable(path: Path) -> None:
    """Raise an error of `explain_path_errors` if *path* cannot be created where it is missing."""
    with explain_path_errors(path):
        existing = next(parent for parent in path.absolute().parents if parent.exists())
        with tempfile.TemporaryFile(dir=existing):
            pass


def require_directory_name(path: Path) -> None:
    """Raise ConfigurationError if *path* is to be a directory, but is named like a data file."""
    if path.suffix.lower() in DATA_FILE_SUFFIXES and not path.is_dir():
        raise ConfigurationError(
            f"{path} is named like a file, but would be a directory.",
            hint="Choose another name. One file of rows: curate export rows.parquet (or .jsonl)",
        )
