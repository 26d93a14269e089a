"""Samples that are spread evenly over what they are taken from."""

from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


def sample_evenly(items: Sequence[_T], count: int) -> list[_T]:
    """*count* of *items*, or all, at even distances, both ends included."""
    if count >= len(items):
        return list(items)
    if count == 1:
        return [items[len(items) // 2]]
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]
