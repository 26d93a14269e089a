"""What commands share: the consoles, the store, the library, JSON on stdout."""

import json
import sys
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from curate.core.settings import Settings
from curate.store import Store

if TYPE_CHECKING:
    from rich.progress import Progress

    from recipes import RecipeLibrary

err_console = Console(stderr=True, highlight=False)


def get_settings(context: typer.Context) -> Settings:
    """The settings that the callback read."""
    settings = context.obj
    assert isinstance(settings, Settings)
    return settings


def open_store(settings: Settings) -> Store:
    """The store of the data folder; made when it is not there."""
    return Store(settings.data_dir)


def load_library(settings: Settings) -> "RecipeLibrary":
    """Recipes of the user, then the built-in ones."""
    from recipes import RecipeLibrary

    return RecipeLibrary((settings.recipes_dir,) if settings.recipes_dir else ())


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def make_progress_bar() -> "Progress":
    """Bars on standard error: how many of how many, time left, and what is going on."""
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
