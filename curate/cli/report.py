"""`curate report`: the store as a site of plain files."""

import os
import sys
import tempfile
import webbrowser
from html import escape
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import (
    JsonOption,
    err_console,
    get_settings,
    has_store,
    open_existing_store,
    open_store,
    print_json,
)
from curate.cli.console import WholeLineConsole
from curate.core.settings import Settings
from curate.publish.context import ProgressCallback
from curate.report.folder import require_replaceable
from curate.report.numbers import ReportNumbers, read_numbers
from curate.report.table import format_bytes
from curate.report.write import WrittenReport, write_report

EXAMPLE = "Example: [bold]curate report --output site --open[/bold]"
SERVE_EXAMPLE = "Example: [bold]curate report serve --port 8474[/bold]"
FOLDER = "report"  # in the data directory
DEFAULT_PORT = 8474  # of `curate report serve`


def register(app: typer.Typer) -> None:
    """Add the command, and `serve` below it."""
    group = typer.Typer(rich_markup_mode="rich")
    group.callback(invoke_without_command=True)(report_command)
    group.command("serve", epilog=SERVE_EXAMPLE)(serve_command)
    app.add_typer(group, name="report", epilog=EXAMPLE)


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
    if context.invoked_subcommand:
        return
    from curate.cli.progress import show_phases
    from curate.report.browser.write import write_instances

    settings = get_settings(context)
    folder = output or settings.data_dir / FOLDER
    require_replaceable(folder)
    with show_phases() as progress:
        numbers = _read(settings, progress)
        written = write_report(
            folder,
            numbers,
            progress,
            lambda work: write_instances(settings, work, previous=folder, progress=progress),
        )
    if as_json:
        print_json(_make_document(written))
    else:
        _tell(written)
    if should_open:
        open_in_browser(written.first_page)


def serve_command(
    context: typer.Context,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0 takes one that is free.")
    ] = DEFAULT_PORT,
    should_open: Annotated[
        bool, typer.Option("--open", help="Open it in a browser, if there is a display.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the instances of a store that grows, to browsers on this machine, until interrupted.

    The list is up to date whenever it is loaded, and pages are made when they are asked for. Plots
    and tables are those of the report in DATA_DIR/report, if there is one. With --json, the address
    is printed on stdout.
    """
    from curate.builders.process.interrupt import allow_clean_exit
    from curate.report.browser.server import open_server

    settings = get_settings(context)
    with (
        open_existing_store(settings) as store,
        open_server(store, settings, settings.data_dir / FOLDER, port) as server,
    ):
        allow_clean_exit(5)
        if as_json:
            print_json({"url": server.url})
            sys.stdout.flush()
        _say(f"Serving {settings.data_dir} at {server.url} – Ctrl-C ends it.")
        if should_open:
            open_in_browser(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            _say("The server has ended.")


def _say(text: str) -> None:
    """Print *text* to stderr, if anybody reads that."""
    err_console.print(text, soft_wrap=True, markup=False, highlight=False)


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


def open_in_browser(place: Path | str) -> None:
    """Open a file or an address where somebody would see it; the caller has printed where it is."""
    if not _has_display():
        _say("There is no display: open it yourself.")
        return
    if isinstance(place, Path):
        webbrowser.open(place.absolute().as_uri())
    elif place.startswith("file:"):
        webbrowser.open(_make_forwarder(place).as_uri())
    else:
        webbrowser.open(place)


def _make_forwarder(address: str) -> Path:
    """Write a page that leads to *address*: openers of files take its query for a file's name."""
    page = Path(tempfile.mkdtemp(prefix="curate-show-")) / "open.html"
    page.write_text(
        f'<meta charset="utf-8"><meta http-equiv="refresh" content="0; url={escape(address)}">'
        f'<title>curate</title><a href="{escape(address)}">{escape(address)}</a>\n',
        encoding="utf-8",
    )
    return page


def _has_display() -> bool:
    """A browser of a terminal would take the terminal, unless somebody chose it."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
