"""The command line."""

import click

from tidytable import read, render


@click.command()
@click.argument("path")
@click.option("--separator", default=",", help="What stands between two cells.")
def main(path, separator):
    """Print the table in PATH."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        click.echo(f"tidytable: {path}: {error.strerror}")
        raise SystemExit(1)
    click.echo(render(read(text, separator)))
