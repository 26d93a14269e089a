"""`curate recipe`: check, explain, draft and try recipes."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from curate.cli import draft, explain, recipe_trial
from curate.cli.common import get_settings, load_library, print_json
from curate.cli.console import WholeLineConsole
from curate.core.errors import NotFoundError
from curate.core.names import is_repo_name, parse_repo_name
from curate.core.near_words import suggest_word
from curate.core.settings import Settings
from curate.git.locations import mirror_path
from curate.recipe_tools.check import RecipeCheck, check_recipe
from curate.recipes import RecipeLibrary

EXAMPLE = "Example: [bold]curate recipe check getmoto/moto[/bold]"
COMMITS_TO_READ = 16  # in which files, extras and groups of a named recipe are searched

recipe_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", epilog=EXAMPLE)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(
        recipe_app, name="recipe", help="Check, explain, draft and try recipes.", epilog=EXAMPLE
    )


@recipe_app.callback()
def recipe_group() -> None:
    """Check, explain, draft and try recipes."""


recipe_app.command("explain", epilog=explain.EXAMPLE)(explain.explain_command)
recipe_app.command("draft", epilog=draft.EXAMPLE)(draft.draft_command)
recipe_app.command("trial", epilog=recipe_trial.EXAMPLE)(recipe_trial.trial_command)


@recipe_app.command("check", epilog=EXAMPLE)
def check_command(
    context: typer.Context,
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH|OWNER/NAME", help="(default: every recipe)"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Check recipes; exits with 1 if one is invalid.

    Version ranges must contain every version exactly once: all tags of the mirror, or all versions
    that the file of the recipe's version rule has ever had. Without a mirror, ranges are only
    compared with each other. For recipes given by name, notes list files, extras and groups that no
    commit of a sample has.
    """
    settings = get_settings(context)
    commits = COMMITS_TO_READ if which else 0
    found = [
        check_recipe(path, _find_recipe_mirror(settings, path), commits=commits)
        for path in _select_recipe_paths(which, load_library(settings))
    ]
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        console = WholeLineConsole(soft_wrap=True)
        for one in found:
            console.print(_format_check(one))
            for note in one.notes:
                console.print(f"       note: {escape(note)}")
    if any(one.problems for one in found):
        raise typer.Exit(1)


def _select_recipe_paths(which: list[str] | None, library: RecipeLibrary) -> Iterator[Path]:
    """Recipe files by path or repository; all of them where none is named."""
    if not which:
        yield from library.list_paths()
    for name in which or ():
        repo = parse_repo_name(name)
        path = Path(name) if name.endswith(".toml") else library.find_path(repo)
        if path is None or not path.is_file():
            known = is_repo_name(repo) and not name.endswith(".toml")
            hint = f"Run: curate recipe draft {repo}" if known else "Give OWNER/NAME or a file."
            near = suggest_word(repo, library.list_names())
            hint = f"{near} {hint}".strip()
            raise NotFoundError(f"No recipe {name}.", hint=hint)
        yield path


def _find_recipe_mirror(settings: Settings, recipe_file: Path) -> Path | None:
    path = mirror_path(settings, recipe_file.stem.replace("__", "/", 1))
    return path.resolve() if path.exists() else None


def _format_check(check: RecipeCheck) -> str:
    name = check.repo or check.path.name
    if check.problems:
        return f"[red]error[/red]  {name}: {escape('; '.join(check.problems))}"
    ranges = "1 range" if check.ranges == 1 else f"{check.ranges} ranges"
    if not check.versions:
        return f"[green]ok[/green]     {name}: {ranges}; no mirror to compare with"
    first, last = check.versions[0], check.versions[-1]
    versions = f"{len(check.versions)} versions, {first} … {last}"
    return f"[green]ok[/green]     {name}: {ranges} for {versions}"
