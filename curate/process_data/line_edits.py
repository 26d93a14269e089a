"""Which lines differ between two versions of a file."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import takewhile
from typing import NamedTuple, TypeVar

T = TypeVar("T", str, bytes)


class LineEdit(NamedTuple):
    """Lines [old_start, old_end) of the old version become [new_start, new_end) of the new one.

    Lines are counted from 0. One of both ranges may be empty.
    """

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def diff_lines(old: Sequence[T], new: Sequence[T]) -> list[LineEdit]:
    """Return the edits that make *new* of *old*, in order; no two of them touch."""
    start = _count_equal(old, new)
    end = _count_equal(old[start:][::-1], new[start:][::-1])
    matcher = SequenceMatcher(None, old[start : len(old) - end], new[start : len(new) - end])
    return [
        LineEdit(old_start + start, old_end + start, new_start + start, new_end + start)
        for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes()
        if tag != "equal"
    ]


def _count_equal(old: Sequence[T], new: Sequence[T]) -> int:
    pairs = zip(old, new, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
