"""The combinations of a matrix of GitHub Actions that test the project in the usual way."""

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from curate.recipe_tools.draft.ci_yaml import as_table, iter_tables
from curate.recipe_tools.draft.github_expressions import flatten
from curate.recipe_tools.draft.job import is_other_purpose

MAX_COMBINATIONS = 12
_MAX_PRODUCT = 1000

Combination = dict[str, Any]


def list_values(job: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the values `matrix.…` of the main combinations of *job*; at least one.

    What `include` adds to a matrix that has combinations without it is a special case: minimal
    versions, without an optional library. So is a combination whose values name another purpose,
    or another system than Linux.
    """
    matrix = as_table(as_table(job.get("strategy")).get("matrix"))
    combinations = list(_combine(matrix))
    flat = [dict(flatten("matrix", it)) for it in combinations]
    usual = [it for it in flat if not any(map(is_other_purpose, it.values()))] or flat
    is_known = bool(matrix) and all(isinstance(it, list) for it in matrix.values())
    known = {"matrix": "known"} if is_known else {}
    return [it | known for it in usual[:MAX_COMBINATIONS]] or [known]


def _combine(matrix: Mapping[str, Any]) -> Iterator[Combination]:
    axes = {
        str(name): items
        for name, items in matrix.items()
        if name not in ("include", "exclude") and isinstance(items, list) and items
    }
    excluded = list(iter_tables(matrix.get("exclude")))
    basic = [dict(zip(axes, values, strict=True)) for values in _multiply(axes)] if axes else []
    basic = [it for it in basic if not any(_matches(it, each, each) for each in excluded)]
    extended = [dict(it) for it in basic]
    added: list[Combination] = []
    for included in iter_tables(matrix.get("include")):
        fitting = [i for i, it in enumerate(basic) if _matches(it, included, axes)]
        for index in fitting:
            extended[index] |= included
        if not fitting:
            added.append(included)
    yield from extended or added


def _multiply(axes: Mapping[str, list[Any]]) -> Iterator[tuple[Any, ...]]:
    return islice(product(*axes.values()), _MAX_PRODUCT)


def _matches(combination: Combination, entry: Mapping[str, Any], names: Any) -> bool:
    """Whether *combination* has the values of *entry* for those of its keys that are in *names*."""
    return all(
        str(combination.get(key)) == str(value) for key, value in entry.items() if key in names
    )
