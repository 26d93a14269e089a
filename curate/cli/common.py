"""What commands share: console, options, store, recipe library, JSON on stdout."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from curate.core.settings import Settings
from curate.store import Store

if TYPE_CHECKING:
    from rich.progress import Progress

    from curate.recipes import RecipeLibrary

err_console = Console(stderr=True, highlight=False)


class SandboxKind(StrEnum):
    """Where tests run."""

    DOCKER = "docker"
    LOCAL = "local"


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
JobsOption = Annotated[int, typer.Option("-j", "--jobs", min=1, help="Parallel workers.")]
RunsOption = Annotated[int, typer.Option(min=1, help="Test runs before and after the gold patch.")]
SandboxOption = Annotated[
    SandboxKind, typer.Option(help="docker; or local, which does not isolate.")
]
RetryOption = Annotated[
    bool, typer.Option("--retry-rejected", help="Try rejected candidates again.")
]
FiltersOption = Annotated[
    str | None,
    typer.Option("--release-filters", metavar="NAME|FILE", help="Filter preset or TOML file."),
]
ApiOption = Annotated[
    str | None, typer.Option("--github-api-url", help="API of GitHub Enterprise.")
]


def get_settings(context: typer.Context, **overrides: object) -> Settings:
    """The settings that the callback read, changed by those *overrides* that are given."""
    settings = context.obj
    assert isinstance(settings, Settings)
    given = {name: value for name, value in overrides.items() if value}
    return settings.model_copy(update=given) if given else settings


def open_store(settings: Settings) -> Store:
    """The store of the data directory; created when missing."""
    return Store(settings.data_dir)


def load_library(settings: Settings) -> "RecipeLibrary":
    """The user's recipes before the built-in ones."""
    from curate.recipes import RecipeLibrary

    return RecipeLibrary((settings.recipes_dir,) if settings.recipes_dir else ())


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def make_progress_bar() -> "Progress":
    """Bars on stderr: how many of how many, time left, and the step under way."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=err_console,
        transient=True,
    )


@contextmanager
def show_phases() -> Iterator[Callable[[str, int, int], None]]:
    """A callback for (phase, done, total), which shows one bar on stderr."""
    with make_progress_bar() as bars:
        task = bars.add_task("", total=None)

        def show(phase: str, done: int, total: int) -> None:
            bars.update(task, description=phase, completed=done, total=total)

        yield show
