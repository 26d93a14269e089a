"""Reads recipe files: defaults laid under every range, unknown keys refused with a suggestion."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from recipes.schema import Recipe, RecipeError

BUILT_IN_DIR = Path(__file__).parent


def load_recipe(path: Path) -> Recipe:
    """Read one recipe file; RecipeError in one sentence for anything it should not say."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"The recipe {path.name} cannot be read ({error}).") from error
    return parse_recipe(text, path.name)


def parse_recipe(text: str, name: str) -> Recipe:
    """The recipe that *text* is; RecipeError, which calls it *name*, as from `load_recipe`."""
    try:
        return Recipe.model_validate(_apply_defaults(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"The recipe {name} is not TOML: {error}.") from error
    except ValidationError as error:
        raise _explain_error(name, error) from error


def recipe_file_name(repo: str) -> str:
    """What the recipe of *repo* ("owner/name") is called in its folder."""
    return f"{repo.replace('/', '__')}.toml"


class RecipeLibrary:
    """Recipes of several folders; a file in an earlier folder hides a later one's."""

    def __init__(self, folders: tuple[Path, ...] = ()) -> None:
        self._folders = (*folders, BUILT_IN_DIR)

    def get_recipe(self, repo: str) -> Recipe:
        """The recipe of *repo* ("owner/name"); a bare one where nobody wrote one."""
        return self.find_recipe(repo) or Recipe(repo=repo)

    def find_recipe(self, repo: str) -> Recipe | None:
        """The recipe somebody wrote for *repo*, or None."""
        path = self.find_path(repo)
        return load_recipe(path) if path else None

    def find_path(self, repo: str) -> Path | None:
        """The file of the recipe of *repo*, or None."""
        return self._paths_by_name().get(recipe_file_name(repo).lower())

    def list_paths(self) -> tuple[Path, ...]:
        """The file of every recipe, those of earlier folders first; hidden ones left out."""
        return tuple(self._paths_by_name().values())

    def __iter__(self) -> Iterator[Recipe]:
        return map(load_recipe, self.list_paths())

    def _paths_by_name(self) -> dict[str, Path]:
        """Files by name in lower case; of those of one name the first."""
        named: dict[str, Path] = {}
        for path in self._iter_files():
            named.setdefault(path.name.lower(), path)
        return named

    def _iter_files(self) -> Iterator[Path]:
        for folder in self._folders:
            if not folder.is_dir():
                raise RecipeError(
                    f"There is no recipe folder {folder}.", hint="Mend --recipes-dir."
                )
            yield from sorted(folder.glob("*__*.toml"))


def _apply_defaults(table: dict[str, Any]) -> dict[str, Any]:
    """Lay the `[defaults]` table under every `[[env]]`."""
    defaults = table.pop("defaults", {})
    envs = table.get("env", [{}])
    return table | {"env": [_merge_tables(defaults, env) for env in envs]}


def _merge_tables(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merge_tables(old, value) if both and isinstance(old, dict) else value
    return merged


def _explain_error(name: str, error: ValidationError) -> RecipeError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return RecipeError(f"The recipe {name} is wrong at {place}: {first['msg']}.")
    key = str(first["loc"][-1])
    near = difflib.get_close_matches(key, _known_keys(first["loc"]), n=1)
    return RecipeError(
        f"The recipe {name} has an unknown key {place}.",
        hint=f"Perhaps you meant {near[0]!r}?" if near else "See docs/recipes.md for all keys.",
    )


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    """Keys of the table that holds *place*, `defaults` included at the top."""
    kind: type[BaseModel] = Recipe
    for part in place[:-1]:
        field = kind.model_fields.get(str(part))
        if field is not None:
            kind = _table_type(field.annotation) or kind
    names = list(kind.model_fields)
    return [*names, "defaults"] if kind is Recipe else names


def _table_type(annotation: Any) -> type[BaseModel] | None:
    kinds = [annotation, *get_args(annotation)]
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
