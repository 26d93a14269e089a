"""Per-repository facts as data, and the loader that picks the environment of a version."""

from recipes.loader import Library, load
from recipes.schema import Cases, EnvRecipe, Recipe, RecipeError

__all__ = ["Cases", "EnvRecipe", "Library", "Recipe", "RecipeError", "load"]
