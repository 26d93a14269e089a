"""Per-repository facts as data, and the loader that picks the environment of a version."""

from recipes.loader import Library, file_name, load, parse
from recipes.ranges import Span, faults
from recipes.schema import Cases, EnvRecipe, Recipe, RecipeError, architecture

__all__ = [
    "Cases",
    "EnvRecipe",
    "Library",
    "Recipe",
    "RecipeError",
    "Span",
    "architecture",
    "faults",
    "file_name",
    "load",
    "parse",
]
