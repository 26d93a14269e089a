"""The repositories of a night: those that are named, else all that have a recipe."""

from collections.abc import Sequence
from pathlib import Path

from curate.cli.common import find_repo, read_repo_name
from curate.recipes import RecipeError, RecipeLibrary
from curate.recipes.loader import load_recipe
from curate.store import Store


def list_night_repositories(
    names: Sequence[str], store: Store, library: RecipeLibrary
) -> list[str]:
    """Return the repositories *names*, default: all with a recipe, each once.

    A recipe that cannot be read concerns its repository alone, which is told when its turn comes.
    Raises RecipeError if a folder of recipes is missing, ConfigurationError for what is no name.
    """
    paths = library.list_paths()  # a missing folder concerns all repositories
    if names:
        return list(dict.fromkeys(_find_repo(name, store, library) for name in names))
    return list(dict.fromkeys(map(_read_name, paths)))


def _find_repo(name: str, store: Store, library: RecipeLibrary) -> str:
    try:
        return find_repo(name, store, library)
    except RecipeError:
        return store.find_repo(read_repo_name(name))


def _read_name(path: Path) -> str:
    """Return the repository of a recipe; by the file's name if it cannot be read."""
    try:
        return load_recipe(path).repo
    except RecipeError:
        return path.stem.replace("__", "/", 1)
