"""The file that the report of a night is written to."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from curate.builders.process.atomic_write import atomic_write
from curate.cli.common import dump_json
from curate.core.errors import ConfigurationError
from curate.publish.output_paths import explain_path_errors, require_writable


def require_report_file(file: Path) -> None:
    """Raise an error if the report cannot be written to *file*, before any work is done."""
    if file.is_dir():
        raise ConfigurationError(f"{file} is a directory.", hint="Name a file for the report.")
    require_writable(file)
    if file.is_fifo():
        with explain_path_errors(file):
            _open_special(file).close()


def write_report(file: Path, document: Mapping[str, Any]) -> None:
    """Write the report as Markdown, or as JSON if *file* is named so."""
    from curate.workflows.night_text import render_report

    is_json = file.suffix.lower() == ".json"
    text = dump_json(document) if is_json else render_report(document)
    with explain_path_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and not file.is_file():  # such as /dev/stdout
            with _open_special(file) as stream:
                stream.write(text)
            return
        with atomic_write(file) as partial_file:
            partial_file.write_text(text, encoding="utf-8")


def _open_special(file: Path) -> IO[str]:
    """Open a pipe or device for writing; OSError for a pipe that nobody reads, not a long wait."""
    number = os.open(file, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(number, True)
    return open(number, "w", encoding="utf-8")  # noqa: PTH123
