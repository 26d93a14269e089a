"""`curate export`: rows as a file, or as tasks for another tool."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import open_store, settings_of, talk
from curate.core.errors import NotFound
from curate.git.locations import found_mirror
from curate.publish.filters.config import read_rules
from curate.publish.measures.codebase import Bases

EXAMPLE = "Example: [bold]curate export --split raw --format jsonl pool.jsonl[/bold]"


class Split(StrEnum):
    """Which rows."""

    RAW = "raw"
    VERIFIED = "verified"


class Format(StrEnum):
    """In which form."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    SWEBENCH = "swebench"
    HARBOR = "harbor"
    FOLDER = "folder"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", epilog=EXAMPLE)(export)


def export(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder; - is standard output (jsonl).")],
    split: Annotated[Split, typer.Option(help="All, or verified.")] = Split.VERIFIED,
    form: Annotated[
        Format,
        typer.Option("--format", help="A file; or a SWE-bench task repository, Harbor tasks, …"),
    ] = Format.JSONL,
    where: Annotated[str, typer.Option(help="SQL condition on the rows.")] = "",
    registry: Annotated[
        str, typer.Option(metavar="HOST/NAMESPACE", help="Name images as they were pushed there.")
    ] = "",
    rules: Annotated[
        str | None, typer.Option(help="Preset or TOML file that holds rows back.")
    ] = None,
) -> None:
    """Write candidates or verified instances as a file, or as tasks for another tool."""
    from curate.publish.export.run import chosen_rows, write_rows

    settings = settings_of(context)
    chosen = read_rules(rules or settings.rules)
    with (
        open_store(settings) as store,
        Bases(lambda repo: found_mirror(settings, repo)) as bases,
    ):
        rows, held = chosen_rows(store, bases, split.value, chosen, where=where, registry=registry)
    if not rows and form not in {Format.JSONL, Format.PARQUET}:
        raise NotFound("No row fits.", hint="See what there is with: curate status")
    write_rows(rows, split.value, form.value, path)
    talk.print(f"{len(rows):,} rows written to {path}")
    for problem in held:
        talk.print(
            f"held back {problem.instance_id}: {problem.reason}", markup=False, soft_wrap=True
        )
