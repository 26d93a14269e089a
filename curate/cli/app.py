"""The typer application: options common to all commands, and the list of commands.

A command's module is imported when the command is called: `curate --help` needs none of them.
"""

import os
import re
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from curate import __version__
from curate.cli.suggestions import remember_options
from curate.core.errors import EXIT_CODES

COMMANDS = {
    "repos": "Find repositories worth crawling.",
    "recipe": "Check, explain, draft and try recipes.",
    "crawl": "Find merged PRs that close issues and change tests: the candidates.",
    "validate": "Build environments and run tests before and after the gold patch.",
    "plan": "Tell what the rest will cost, on one machine or many.",
    "evaluate": "Grade the patches of a model: SWE-bench's predictions, report and rewards.",
    "certify": "Look again whether instances are what they were: pull, gold, no patch.",
    "measure": "Tell which mistakes in a gold patch its tests do not notice.",
    "serve": "Serve environments over HTTP, for trainers on another machine.",
    "process": "Write process data of instances: repository, places of the change, edits.",
    "publish": "Publish verified instances to a directory, the Hub and a registry.",
    "shell": "Open a shell in a task's sandbox, as an agent has it.",
    "run": "Run a command in a task's sandbox.",
    "status": "Show the funnel by stage, and rejections by reason.",
    "report": "Write the report: a site of plain files, with plots and their numbers.",
    "list": "List candidates by state and reason.",
    "show": "Show candidates with issue, tests, patches and verdict.",
    "logs": "Print what a candidate's test runs, lock or build printed.",
    "exclude": "Keep candidates out of releases, with a reason.",
    "export": "Write candidates or verified instances as files, or as tasks for other tools.",
    "store": "Merge the stores of several machines.",
    "images": "Manage the images on this machine.",
    "nightly": "Divide a night among machines, merge its reports, tell of drift.",
    "rebuild": "Crawl, validate and write the next release: the nightly job.",
    "doctor": "Check whether this machine, its accounts and settings do; say what to mend.",
}
"""Every command and group with its line in `--help`; each is a module of this package."""

# They only read, or their output is that of another command.
SILENT_COMMANDS = frozenset({"status", "plan", "list", "show", "logs", "shell", "run", "doctor"})
_MODULES = {"list": "list_candidates", "logs": "run_logs"}  # whose names would be taken


NARROW = 60  # columns, below which the tables of rich cut the names of options
_MIN_COLUMNS = 30
_COLUMNS = shutil.get_terminal_size().columns
MARKUP: Literal["rich"] | None = "rich" if _COLUMNS >= NARROW else None


class LazyCommandGroup(TyperGroup):
    """Lists its commands from `COMMANDS` and imports one only to run it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {
            name: TyperCommand(name, help=text, rich_markup_mode=MARKUP)
            for name, text in COMMANDS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that *args* name, imported, and the arguments behind its name."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and load_command(listed.name or ""), rest


def load_command(name: str) -> TyperCommand | TyperGroup:
    """The command or group called *name*, with its options."""
    single_app = typer.Typer(rich_markup_mode=MARKUP, add_completion=False)
    import_module(f"curate.cli.{_MODULES.get(name, name)}").register(single_app)
    single_app.callback()(lambda: None)  # or typer makes one command no group
    click_command = get_group(single_app).commands[name]
    assert isinstance(click_command, TyperCommand | TyperGroup)
    _unwrap_help(click_command)
    return click_command


def _unwrap_help(command: Any) -> None:
    """Join the lines of each help paragraph, or they would break where the source does."""
    if command.help:
        command.help = re.sub(r"(?<!\n)\n(?!\n)", " ", command.help)
    if MARKUP is None and command.epilog:
        command.epilog = re.sub(r"\[/?bold\]", "", command.epilog)
    for subcommand in getattr(command, "commands", {}).values():
        _unwrap_help(subcommand)


def _is_completion_wanted() -> bool:
    """Whether a shell asks, or the user installs it; its code would slow down all other calls."""
    flags = {"--install-completion", "--show-completion"}
    return "_CURATE_COMPLETE" in os.environ or not flags.isdisjoint(sys.argv)


app = typer.Typer(
    cls=LazyCommandGroup,
    no_args_is_help=True,
    add_completion=_is_completion_wanted(),
    context_settings={
        "help_option_names": ["-h", "--help"],
        "terminal_width": None if MARKUP else max(_COLUMNS - 1, _MIN_COLUMNS),
    },
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    help="Turn the public history of Python repositories into verified, executable tasks.",
    epilog=f"Exit codes: {'; '.join(f'{code} {name}' for code, name in EXIT_CODES.items())}."
    " Shell completion: curate --install-completion.",
)


def _print_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"curate {__version__}")
        raise typer.Exit


@app.callback()
def read_common_options(
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option(help="Store, mirrors and releases. (default: data)")
    ] = None,
    recipes_dir: Annotated[
        Path | None, typer.Option(help="Extra recipe directory (overrides built-ins).")
    ] = None,
    mirrors_dir: Annotated[
        Path | None, typer.Option(help="Bare git mirrors. (default: DATA_DIR/mirrors)")
    ] = None,
    cache_dir: Annotated[
        Path | None, typer.Option(help="Package and environment caches. (default: user cache)")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show every step on stderr.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Show errors only.")] = False,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Read the settings (flags, then CURATE_… variables, then curate.toml), set up logging."""
    from curate.core.settings import read_settings

    flags = {
        "data_dir": data_dir,
        "recipes_dir": recipes_dir,
        "mirrors_dir": mirrors_dir,
        "cache_dir": cache_dir,
    }
    remember_options(flags, COMMANDS)
    settings = context.obj = read_settings(flags)
    command = context.invoked_subcommand or ""
    if command not in SILENT_COMMANDS:
        from curate.cli.logs import configure_logging

        configure_logging(settings.data_dir, command, verbosity=int(verbose) - int(quiet))
