"""`curate recipe`: check, explain and draft the facts of a repository."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from curate.cli import draft, explain
from curate.cli.common import library_of, print_json, settings_of
from curate.core.errors import NotFound
from curate.core.settings import Settings
from curate.git.locations import mirror_path
from curate.recipe_tools.check import Checked, checked
from recipes import Library

EXAMPLE = "Example: [bold]curate recipe check getmoto/moto[/bold]"
COMMITS = 16  # at which files, extras and groups of a named recipe are looked for

recipe = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", epilog=EXAMPLE)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(recipe, name="recipe", help="Check, explain and draft recipes.", epilog=EXAMPLE)


@recipe.callback()
def group() -> None:
    """Check, explain and draft recipes."""


recipe.command("explain", epilog=explain.EXAMPLE)(explain.command)
recipe.command("draft", epilog=draft.EXAMPLE)(draft.command)


@recipe.command("check", epilog=EXAMPLE)
def check(
    context: typer.Context,
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH|OWNER/NAME", help="Default: every recipe there is."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say of each recipe whether it can be used; exits with 1 if one cannot.

    Ranges must hold every version once: of all tags of the mirror, or of all that the file named
    by the recipe's version rule has ever said. Without a mirror they are only held against each
    other. Of recipes that are named, notes tell what they name and no commit of a sample has.
    """
    settings = settings_of(context)
    commits = COMMITS if which else 0
    found = [
        checked(path, _mirror(settings, path), commits=commits)
        for path in _paths(which, library_of(settings))
    ]
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        console = Console(highlight=False, soft_wrap=True)
        for one in found:
            console.print(_line(one))
            for note in one.notes:
                console.print(f"       note: {escape(note)}")
    if any(one.problems for one in found):
        raise typer.Exit(1)


def _paths(which: list[str] | None, library: Library) -> Iterator[Path]:
    """Recipe files by path or repository; all of them where none is named."""
    if not which:
        yield from library.paths()
    for name in which or ():
        path = Path(name) if name.endswith(".toml") else library.path(name)
        if path is None or not path.is_file():
            known = name.count("/") == 1 and not name.endswith(".toml")
            hint = (
                f"Make one: curate recipe draft {name}" if known else "Name OWNER/NAME or a file."
            )
            raise NotFound(f"There is no recipe {name}.", hint=hint)
        yield path


def _mirror(settings: Settings, recipe_file: Path) -> Path | None:
    path = mirror_path(settings, recipe_file.stem.replace("__", "/", 1))
    return path.resolve() if path.exists() else None


def _line(one: Checked) -> str:
    name = one.repo or one.path.name
    if one.problems:
        return f"[red]wrong[/red]  {name}: {escape('; '.join(one.problems))}"
    ranges = "1 range" if one.ranges == 1 else f"{one.ranges} ranges"
    if not one.versions:
        return f"[green]good[/green]   {name}: {ranges}; no mirror to hold them against"
    first, last = one.versions[0], one.versions[-1]
    return (
        f"[green]good[/green]   {name}: {ranges} for {len(one.versions)} versions, {first} … {last}"
    )
