"""Load recipe files: apply defaults to every range, reject unknown keys with a suggestion."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from curate.recipes.schema import Recipe, RecipeError

_HINT = "A recipe is a TOML file in UTF-8; docs/recipes.md lists its keys."
BUILT_IN_DIR = Path(__file__).parent


def load_recipe(path: Path) -> Recipe:
    """Read one recipe file.

    Raises:
        RecipeError: The file cannot be read, or is not a valid recipe.
    """
    if path.exists() and not path.is_file():  # nobody may ever write to a pipe
        raise RecipeError(
            f"The recipe {path.name} cannot be read (it is not an ordinary file).", hint=_HINT
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"The recipe {path.name} cannot be read ({error}).", hint=_HINT
        ) from error
    return parse_recipe(text, path.name)


def parse_recipe(text: str, name: str) -> Recipe:
    """Parse the *text* of a recipe; *name* is its name in errors.

    Raises:
        RecipeError: It is not TOML, or not a valid recipe.
    """
    try:
        return Recipe.model_validate(_apply_defaults(tomllib.loads(text.removeprefix("\ufeff"))))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"The recipe {name} is not valid TOML: {error}.", hint=_HINT) from error
    except ValidationError as error:
        raise _explain_error(name, error) from error


def recipe_file_name(repo: str) -> str:
    """Return the file name of the recipe of *repo* ("owner/name")."""
    return f"{repo.replace('/', '__')}.toml"


class RecipeLibrary:
    """Recipes of several folders, built-in ones, then drafts; earlier ones override later ones."""

    def __init__(self, folders: tuple[Path, ...] = (), drafts: tuple[Path, ...] = ()) -> None:
        """*folders* must exist; those of *drafts* need not."""
        self._folders = (*folders, BUILT_IN_DIR)
        self._drafts = drafts

    def get_recipe(self, repo: str) -> Recipe:
        """Return the recipe of *repo* ("owner/name"), or one with defaults if there is none."""
        return self.find_recipe(repo) or Recipe(repo=repo)

    def find_recipe(self, repo: str) -> Recipe | None:
        """Return the recipe of *repo*, or None if there is none.

        Raises:
            RecipeError: A recipe folder does not exist, or the recipe is not valid.
        """
        path = self.find_path(repo)
        return load_recipe(path) if path else None

    def find_path(self, repo: str) -> Path | None:
        """Return the path of the recipe of *repo*, or None; upper and lower case are equal."""
        return self._paths_by_name().get(recipe_file_name(repo).lower())

    def list_names(self) -> tuple[str, ...]:
        """The repositories that have a recipe, by the names of the files."""
        return tuple(path.stem.replace("__", "/", 1) for path in self.list_paths())

    def list_paths(self) -> tuple[Path, ...]:
        """Return the path of every recipe, without overridden ones."""
        return tuple(self._paths_by_name().values())

    def __iter__(self) -> Iterator[Recipe]:
        return map(load_recipe, self.list_paths())

    def _paths_by_name(self) -> dict[str, Path]:
        """Return file name in lower case -> path; the first one if several folders have it."""
        paths: dict[str, Path] = {}
        for path in self._iter_files():
            paths.setdefault(path.name.lower(), path)
        return paths

    def _iter_files(self) -> Iterator[Path]:
        for folder in self._folders:
            if not folder.is_dir():
                raise RecipeError(
                    f"The recipe folder {folder} does not exist.",
                    hint="Fix --recipes-dir, or create the folder.",
                )
            yield from sorted(folder.glob("*__*.toml"))
        for folder in self._drafts:
            yield from sorted(folder.glob("*__*.toml"))


def _apply_defaults(table: dict[str, Any]) -> dict[str, Any]:
    """Apply the `[defaults]` table to every `[[env]]`, which may override its keys."""
    defaults = table.pop("defaults", {})
    envs = table.get("env", [{}])
    return table | {"env": [_merge_tables(defaults, env) for env in envs]}


def _merge_tables(defaults: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(defaults)
    for key, value in overrides.items():
        default = merged.get(key)
        are_tables = isinstance(default, dict) and isinstance(value, dict)
        merged[key] = _merge_tables(default or {}, value) if are_tables else value
    return merged


def _explain_error(name: str, error: ValidationError) -> RecipeError:
    first = error.errors()[0]
    location = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return RecipeError(
            f"The recipe {name} has an invalid value for {location}: {first['msg']}.", hint=_HINT
        )
    key = str(first["loc"][-1])
    near = difflib.get_close_matches(key, _known_keys(first["loc"]), n=1)
    return RecipeError(
        f"The recipe {name} has an unknown key {location}.",
        hint=f"Perhaps you meant {near[0]!r}?" if near else "See docs/recipes.md for all keys.",
    )


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the valid keys of the table at *location*; at the top level also `defaults`."""
    table: type[BaseModel] = Recipe
    for part in location[:-1]:
        field = table.model_fields.get(str(part))
        if field is not None:
            table = _table_type(field.annotation) or table
    names = list(table.model_fields)
    return [*names, "defaults"] if table is Recipe else names


def _table_type(annotation: Any) -> type[BaseModel] | None:
    types = [annotation, *get_args(annotation)]
    return next((t for t in types if isinstance(t, type) and issubclass(t, BaseModel)), None)
