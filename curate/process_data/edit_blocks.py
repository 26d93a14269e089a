"""A change of a file as search/replace blocks, each unique in the file, with little context."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from curate.patches.lines import split_lines
from curate.process_data.line_edits import diff_lines

_SMALL_STEPS = 16  # lines of context added one by one; after that they double


class BlockError(ValueError):
    """A block that does not apply: its text is missing, or is there more than once."""


@dataclass(frozen=True, kw_only=True)
class EditBlock:
    """Text that occurs once in a file, and what replaces it.

    An empty *search* stands for the whole of an empty or missing file.
    """

    search: str
    replace: str


def make_blocks(old: str, new: str) -> tuple[EditBlock, ...]:
    """Return blocks that make *new* of *old*, applied one after the other; () if they are equal.

    Each search text is a run of whole lines that occurs once in *old*, and once in the text that
    the blocks before it leave.
    """
    if old == new:
        return ()
    if not old:
        return (EditBlock(search="", replace=new),)
    return _BlockMaker(old, new).make_blocks()


def apply_blocks(text: str, blocks: Sequence[EditBlock]) -> str:
    """Apply *blocks* one after the other.

    Raises:
        BlockError: a search text does not occur exactly once.
    """
    for block in blocks:
        text = _apply_block(text, block)
    return text


def _apply_block(text: str, block: EditBlock) -> str:
    if not block.search:
        if text:
            raise BlockError("an empty search text needs an empty or missing file")
        return block.replace
    before, found, after = text.partition(block.search)
    if not found:
        raise BlockError("the search text does not occur in the file")
    if text.find(block.search, len(before) + 1) >= 0:
        raise BlockError("the search text occurs more than once in the file")
    return before + block.replace + after


Region = tuple[int, int]
"""Old lines [start, end), counted from 0."""


class _BlockMaker:
    """Grows the regions of edits until the old text of each is unique."""

    def __init__(self, old: str, new: str) -> None:
        self._text = old
        self._old, self._new = split_lines(old), split_lines(new)
        self._edits = diff_lines(self._old, self._new)
        self._starts = [edit.old_start for edit in self._edits]
        self._ends = [edit.old_end for edit in self._edits]

    def make_blocks(self) -> tuple[EditBlock, ...]:
        """Return the blocks; those of which one makes another ambiguous are one block."""
        regions = self._join_regions([(edit.old_start, edit.old_end) for edit in self._edits])
        while True:
            blocks = tuple(map(self._make_block, regions))
            failed = _find_failing(self._text, blocks)
            if failed is None:
                return blocks
            first = max(failed - 1, 0)
            (start, _), (_, end) = regions[first], regions[first + 1]
            regions = self._join_regions([*regions[:first], (start, end), *regions[first + 2 :]])

    def _join_regions(self, regions: Sequence[Region]) -> list[Region]:
        """Grow *regions*, which are in order, and join those that then touch."""
        joined: list[Region] = []
        for start, end in regions:
            region = self._grow((start, end))
            while joined and region[0] <= joined[-1][1]:
                before = joined.pop()
                region = self._grow((min(before[0], region[0]), max(before[1], region[1])))
            joined.append(region)
        return joined

    def _grow(self, region: Region) -> Region:
        """Add lines of context, before and after by turns, until the old text occurs once."""
        region = self._include_edits(region)
        for number in count():
            if self._is_unique(region):
                return region
            size = 2 ** max(0, number - _SMALL_STEPS)
            region = self._include_edits(self._add_context(region, size, before=number % 2 == 0))
        raise AssertionError("the whole file is unique")

    def _add_context(self, region: Region, size: int, *, before: bool) -> Region:
        start, end = region
        if (before and start > 0) or end == len(self._old):
            return max(0, start - size), end
        return start, min(len(self._old), end + size)

    def _include_edits(self, region: Region) -> Region:
        """Extend *region* so that it has every edit that it touches as a whole."""
        start, end = region
        first, last = self._find_edits(region)
        if first == last:
            return region
        return min(start, self._starts[first]), max(end, self._ends[last - 1])

    def _find_edits(self, region: Region) -> tuple[int, int]:
        """Return the edits [first, last) that *region* touches."""
        return bisect_left(self._ends, region[0]), bisect_right(self._starts, region[1])

    def _is_unique(self, region: Region) -> bool:
        if region == (0, len(self._old)):
            return True
        search, replace = self._read_lines(region)
        if not search or not replace:  # a replacement without lines would leave an empty line
            return False
        return _occurs_once(self._text, self._make_block(region).search)

    def _make_block(self, region: Region) -> EditBlock:
        """Return the block of *region*, without the last line feed where both texts have it."""
        search, replace = map("".join, self._read_lines(region))
        short = EditBlock(search=search[:-1], replace=replace[:-1])
        is_shorter = search.endswith("\n") and replace.endswith("\n")
        if is_shorter and (search != self._text or _occurs_once(self._text, short.search)):
            return short
        return EditBlock(search=search, replace=replace)

    def _read_lines(self, region: Region) -> tuple[list[str], list[str]]:
        """Return the old and the new lines of *region*."""
        first, last = self._find_edits(region)
        start = region[0] - self._starts[first] + self._edits[first].new_start
        end = region[1] - self._ends[last - 1] + self._edits[last - 1].new_end
        return self._old[region[0] : region[1]], self._new[start:end]


def _occurs_once(text: str, search: str) -> bool:
    at = text.find(search)
    return bool(search) and at >= 0 and text.find(search, at + 1) < 0


def _find_failing(text: str, blocks: Sequence[EditBlock]) -> int | None:
    for number, block in enumerate(blocks):
        try:
            text = _apply_block(text, block)
        except BlockError:
            return number
    return None
