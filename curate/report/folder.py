"""The folder of a report: written whole or not at all, and never in place of something else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.builders.process.replaced_folder import replaced_folder
from curate.core.errors import ConfigurationError
from curate.publish.output_paths import (
    explain_path_errors,
    require_directory_name,
    require_writable,
)

MARKER_FILE = ".curate-report"  # in every report: what may be replaced by the next


def require_replaceable(folder: Path) -> None:
    """Raise an error unless *folder* can be made, is empty, or is an earlier report.

    Raises:
        AuthenticationError: Permission is missing.
        ConfigurationError: *folder* cannot be used for another reason.
    """
    require_directory_name(folder)
    require_writable(folder)
    with explain_path_errors(folder):
        if not folder.exists() and not folder.is_symlink():
            return
        if folder.is_dir() and ((folder / MARKER_FILE).is_file() or not any(folder.iterdir())):
            return
    raise ConfigurationError(
        f"{folder} is neither empty nor a report."
        if folder.is_dir()
        else f"{folder} is not a directory.",
        hint="Choose a new directory for the report with --output.",
    )


@contextmanager
def replaced_report(folder: Path) -> Iterator[Path]:
    """Yield a new folder, which replaces the report in *folder* if the block succeeds.

    Raises the errors of `require_replaceable`.
    """
    require_replaceable(folder)
    with explain_path_errors(folder), replaced_folder(folder) as work:
        work.mkdir()
        (work / MARKER_FILE).write_text("The next report may replace this folder.\n")
        yield work
