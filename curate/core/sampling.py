"""Evenly spaced samples of a sequence."""

from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


def sample_evenly(items: Sequence[_T], count: int) -> list[_T]:
    """Return *count* evenly spaced *items* including both ends, or all if there are fewer."""
    if count >= len(items):
        return list(items)
    if count == 1:
        return [items[len(items) // 2]]
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]
