"""Calls in a setup script: their names and arguments."""

import ast
from typing import Any

UNKNOWN_KEYWORDS = "**"  # key of keyword arguments with unknown names


def get_called_name(node: ast.Call) -> str:
    """Return the last name of the function that *node* calls; "" if it has none."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


class CallArguments:
    """Evaluated arguments of a call."""

    def __init__(self, positional: list[Any], keywords: dict[str, Any]) -> None:
        self.positional, self.keywords = positional, keywords

    @property
    def values(self) -> list[Any]:
        """Return all values."""
        return [*self.positional, *self.keywords.values()]
