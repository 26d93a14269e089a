"""`curate report`: the store as a site of plain files."""

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import JsonOption, get_settings, has_store, open_store, print_json
from curate.cli.console import WholeLineConsole
from curate.core.settings import Settings
from curate.publish.context import ProgressCallback
from curate.report.folder import require_replaceable
from curate.report.numbers import ReportNumbers, read_numbers
from curate.report.table import format_bytes
from curate.report.write import WrittenReport, write_report

EXAMPLE = "Example: [bold]curate report --output site --open[/bold]"
FOLDER = "report"  # in the data directory


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report", epilog=EXAMPLE)(report_command)


def report_command(
    context: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to write it. (default: DATA_DIR/report)"),
    ] = None,
    should_open: Annotated[
        bool, typer.Option("--open", help="Open it in a browser, if there is a display.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the report: funnel, costs, environments, quality, rejections, certificates.

    It is a site of plain files, which a browser reads without a server and without a network. The
    same command again replaces it. Rows of instances that are not stored yet are made first, as
    `curate publish` does. With --json, the numbers are also printed.
    """
    from curate.cli.progress import show_phases

    settings = get_settings(context)
    folder = output or settings.data_dir / FOLDER
    require_replaceable(folder)
    with show_phases() as progress:
        numbers = _read(settings, progress)
        written = write_report(folder, numbers, progress)
    if as_json:
        print_json(_make_document(written))
    else:
        _tell(written)
    if should_open:
        _open(written.first_page)


def _read(settings: Settings, progress: ProgressCallback) -> ReportNumbers:
    if not has_store(settings):
        return ReportNumbers()
    with open_store(settings) as store:
        return read_numbers(settings, store, progress)


def _make_document(written: WrittenReport) -> dict[str, object]:
    return {
        "path": str(written.first_page),
        "pages": written.pages,
        "files": written.files,
        "bytes": written.bytes,
        **written.numbers,
    }


def _tell(written: WrittenReport) -> None:
    size = format_bytes(written.bytes)
    text = f"{written.first_page}\n{written.pages:,} pages, {written.files:,} files, {size}"
    WholeLineConsole().print(text, soft_wrap=True, markup=False, highlight=False)


def _open(page: Path) -> None:
    """Open *page* where somebody would see it; the path has been printed in any case."""
    if _has_display():
        webbrowser.open(page.as_uri())
    else:
        typer.echo("There is no display: open the page yourself.", err=True)


def _has_display() -> bool:
    """A browser of a terminal would take the terminal, unless somebody chose it."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
