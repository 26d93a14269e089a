"""The typer application: options common to all commands, and the list of commands."""

from pathlib import Path
from typing import Annotated

import typer

from curate import __version__
from curate.cli import (
    crawl,
    export,
    images,
    publish,
    rebuild,
    recipe,
    repos,
    show,
    status,
    validate,
)
from curate.settings import read_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Turn the public history of Python repositories into verified, executable tasks.",
    epilog="Exit codes: 0 done; 1 the answer is no; 2 bad input; 3 engine or sandbox; 4 not found;"
    " 5 not allowed; 6 network; 7 store; 8 disk; 130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"curate {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="Folder of store, mirrors and releases. [default: data]")
    ] = None,
    recipes: Annotated[
        Path | None, typer.Option(help="Folder of further recipes; they hide built-in ones.")
    ] = None,
    mirrors: Annotated[
        Path | None, typer.Option(help="Folder of bare mirrors. [default: DATA/mirrors]")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of package and environment caches.")
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Read the settings: flags, then CURATE_… variables, then curate.toml."""
    flags = {"data": data, "recipes": recipes, "mirrors": mirrors, "cache": cache}
    context.obj = read_settings(flags)


for command in (repos, recipe, crawl, validate, publish, status, show, export, images, rebuild):
    command.register(app)
