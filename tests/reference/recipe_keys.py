"""Keys of recipes, with the comments that the schema has of them."""

import inspect
import re
from typing import Any

from pydantic_core import PydanticUndefined

from curate.recipes.schema import (
    DataDrivenTests,
    EnvRecipe,
    PathGlobs,
    Recipe,
    RecipeTable,
    RequirementSources,
    RunLimits,
    VersionRule,
)
from tests.reference.tables import code, make_table

INTRODUCTION = """\
# Recipe keys

A recipe is a TOML file; an unknown key is an error. [Recipes](../recipes.md) explains what each key
is for, with examples. `[defaults]` has keys of `[[env]]` that hold for every range.
"""
TABLES: dict[str, type[RecipeTable]] = {
    "Top level": Recipe,
    "[version]": VersionRule,
    "[paths]": PathGlobs,
    "[data_driven_tests]": DataDrivenTests,
    "[[env]] and [defaults]": EnvRecipe,
    "requirements": RequirementSources,
    "limits": RunLimits,
}
_FIELD = re.compile(r"^    (\w+): (.+?)(?:  # (.*))?$")
_COMMENT = re.compile(r"^    # (.*)$")


def render() -> str:
    """The page."""
    parts = [INTRODUCTION]
    for title, table in TABLES.items():
        parts += [f"## {code(title) if title[0] != 'T' else title}", "", table.__doc__ or "", ""]
        comments = read_comments(table)
        rows = [
            (code(name), code(_default(field)), comments.get(name, ""))
            for name, field in table.model_fields.items()
        ]
        parts += [make_table(("key", "default", ""), rows), ""]
    return "\n".join(parts)


def read_comments(table: type[RecipeTable]) -> dict[str, str]:
    """Field -> the comment before it or behind it."""
    found: dict[str, str] = {}
    before: list[str] = []
    for line in inspect.getsource(table).splitlines():
        if comment := _COMMENT.match(line):
            before.append(comment[1])
        elif field := _FIELD.match(line):
            found[field[1]] = field[3] or " ".join(before)
            before = []
    return found


def _default(field: Any) -> str:
    if field.default is PydanticUndefined:
        return "" if field.default_factory is None else "{}"
    if isinstance(field.default, RecipeTable) or field.default in (None, ""):
        return ""
    if isinstance(field.default, tuple):
        return "" if field.default and isinstance(field.default[0], RecipeTable) else "[]"
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
