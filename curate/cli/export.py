"""`curate export`: rows as JSON lines or Parquet."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import open_store, settings_of, talk

EXAMPLE = "Example: [bold]curate export --split raw --format jsonl pool.jsonl[/bold]"


class Split(StrEnum):
    """Which rows."""

    RAW = "raw"
    VERIFIED = "verified"


class Format(StrEnum):
    """In which form."""

    JSONL = "jsonl"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", epilog=EXAMPLE)(export)


def export(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File to write; - is standard output (jsonl).")],
    split: Annotated[Split, typer.Option(help="All, or verified.")] = Split.VERIFIED,
    form: Annotated[Format, typer.Option("--format", help="File format.")] = Format.JSONL,
) -> None:
    """Write candidates or verified instances as a file."""
    from curate.stages.export import export_rows

    with open_store(settings_of(context)) as store:
        count, left_out = export_rows(store, split.value, form.value, path)
    talk.print(f"{count:,} rows written to {path}")
    for name, reason in left_out:
        talk.print(f"left out {name}: {reason}")
