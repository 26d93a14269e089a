"""Operators of a setup script, and bounds on the size of what they and methods return."""

import ast
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from curate.builders.requirements.setup_script.values import (
    BudgetExceededError,
    measure,
    require_size,
)

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mod: operator.mod,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.BitOr: operator.or_,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


def check_operands(kind: ast.operator, left: Any, right: Any) -> None:
    """Raise BudgetExceededError if the result of an operation may be too large."""
    require_size(measure(left) + measure(right))
    if isinstance(kind, ast.Mod) and isinstance(left, str):
        if re.search(r"%[^%a-zA-Z]*\*", left):  # a width from the values
            raise BudgetExceededError
        _check_format(left)
        require_size(measure(left) * sum(map(measure, right if type(right) is tuple else [right])))
    if isinstance(kind, ast.Mult):
        numbers = [value for value in (left, right) if isinstance(value, int)]
        sizes = [value if isinstance(value, int) else measure(value) for value in (left, right)]
        require_size(sizes[0] * sizes[1] if len(numbers) == 1 else 0)
        require_size(sum(number.bit_length() for number in numbers))


def _check_format(template: str) -> None:
    """Raise BudgetExceededError if *template* pads to a great width."""
    if re.search(r"\d{5,}", template):
        raise BudgetExceededError


def check_result_size(function: Any, owner: Any, arguments: Sequence[Any]) -> None:
    """Raise BudgetExceededError if the result of a method may be too large."""
    if not isinstance(owner, str | bytes | list | dict):
        return
    numbers = [abs(value) for value in arguments if isinstance(value, int)]
    sizes = [measure(owner), *map(measure, arguments)]
    for value in arguments:
        if isinstance(value, list | tuple | dict):
            sizes += map(measure, value)
    is_text = isinstance(owner, str | bytes)
    if isinstance(owner, str) and function.__name__ == "format":
        _check_format(owner)
    product = measure(owner) * max(sizes) if is_text and function.__name__ in _GROWING else 0
    require_size(max(sum(sizes), product, *(numbers if is_text else ()), 0))


_GROWING = frozenset({"replace", "format", "join", "translate"})
