"""Recipes: facts about repositories as TOML, and the loader that selects an environment."""

from curate.recipes.loader import RecipeLibrary, load_recipe, parse_recipe, recipe_file_name
from curate.recipes.ranges import VersionSpan, range_problems
from curate.recipes.schema import (
    DataDrivenTests,
    EnvRecipe,
    Recipe,
    RecipeError,
    normalize_architecture,
)

__all__ = [
    "DataDrivenTests",
    "EnvRecipe",
    "Recipe",
    "RecipeError",
    "RecipeLibrary",
    "VersionSpan",
    "load_recipe",
    "normalize_architecture",
    "parse_recipe",
    "range_problems",
    "recipe_file_name",
]
