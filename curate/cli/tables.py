"""Tables of text that are never cut: where they do not fit, a record becomes a block of lines."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text

from curate.cli.console import UNLIMITED_WIDTH, WholeLineConsole

MIN_LABEL = 12  # characters of the first column, below which labels get lines of their own
MIN_TEXT = 24  # characters of a last column of text, which is wrapped
INDENT = "  "


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """Cells by row; the first column names the record. A header may have several lines."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()  # columns that are aligned at the right
    gap: int = 2  # spaces between columns

    def widths(self) -> list[int]:
        """Of each column, so that nothing is wrapped."""
        lines = [[*name.split("\n")] for name in self.columns]
        for row in self.rows:
            for place, cell in enumerate(row):
                lines[place].append(cell)
        return [max(map(cell_len, each)) for each in lines]


def print_table(console: WholeLineConsole, table: TextTable) -> None:
    """Print *table* as wide as the terminal; elsewhere as wide as it is."""
    width = console.width if console.is_on_terminal else UNLIMITED_WIDTH
    heads = max(name.count("\n") for name in table.columns) + 1
    for number, line in enumerate(render_table(table, width)):
        style = "bold" if number < heads and not _is_block(table, width) else ""
        console.print(Text(line, style=style), soft_wrap=True)


def render_table(table: TextTable, width: int) -> Iterator[str]:
    """Yield the lines of *table*, none wider than *width* unless by a word that is."""
    widths = table.widths()
    rest = sum(widths[1:]) + table.gap * (len(widths) - 1)
    if widths[0] + rest <= width:
        yield from _render_rows(table, widths)
    elif (room := width - (widths[0] + rest - widths[-1])) >= MIN_TEXT and (
        len(widths) - 1 not in table.numbers
    ):
        yield from _render_wrapped(table, [*widths[:-1], room])
    elif width - rest >= max(MIN_LABEL, cell_len(table.columns[0])):
        yield from _render_rows(table, [width - rest, *widths[1:]])
    elif not _is_block(table, width):
        yield from _render_groups(table, widths)
    else:
        yield from _render_blocks(table, width)


def _is_block(table: TextTable, width: int) -> bool:
    """Whether not even the columns without the first one fit."""
    widths = table.widths()
    rest = sum(widths[1:]) + table.gap * (len(widths) - 2) + len(INDENT)
    room = width - sum(widths[:-1]) - table.gap * (len(widths) - 1)
    is_wrapped = room >= MIN_TEXT and len(widths) - 1 not in table.numbers
    return rest > width and not is_wrapped


def _render_rows(table: TextTable, widths: Sequence[int]) -> Iterator[str]:
    """Lines of cells; a label that is too wide for its column gets a line of its own."""
    yield from (_join(cells, table, widths) for cells in _heads(table))
    for row in table.rows:
        if row and cell_len(row[0]) > widths[0]:
            yield row[0]
            row = ("", *row[1:])  # noqa: PLW2901
        yield _join(row, table, widths)


def _render_wrapped(table: TextTable, widths: Sequence[int]) -> Iterator[str]:
    """Lines of cells, of which the last is wrapped within its column."""
    yield from (_join(cells, table, widths) for cells in _heads(table))
    for row in table.rows:
        wrapped = _wrap(row[-1], widths[-1]) if row else [""]
        yield _join([*row[:-1], wrapped[0]], table, widths)
        for text in wrapped[1:]:
            yield _join([*("" for _ in row[:-1]), text], table, widths)


def _render_groups(table: TextTable, widths: Sequence[int]) -> Iterator[str]:
    """The label once above the rows that share it, which are indented."""
    rest = TextTable(
        columns=table.columns[1:],
        rows=(),
        numbers=frozenset(place - 1 for place in table.numbers),
        gap=table.gap,
    )
    if table.columns[0]:
        yield table.columns[0]
    yield from (INDENT + _join(cells, rest, widths[1:]) for cells in _heads(rest))
    last = None
    for row in table.rows:
        if row and row[0] != last:
            yield row[0]
        last = row[0] if row else None
        if any(row[1:]) or not row:
            yield (INDENT + _join(row[1:], rest, widths[1:])).rstrip()


def _render_blocks(table: TextTable, width: int) -> Iterator[str]:
    """A record a block: its label, then a line for each other cell with its column's name."""
    names = [name.replace("\n", " ") for name in table.columns[1:]]
    room = max(map(cell_len, names), default=0)
    for row in table.rows:
        yield row[0] if row else ""
        for name, cell in zip(names, row[1:], strict=False):
            head = f"{INDENT}{_pad(name, room, is_number=False)}{INDENT}"
            wrapped = _wrap(cell, max(width - cell_len(head), 1))
            yield (head + wrapped[0]).rstrip()
            yield from (" " * cell_len(head) + text for text in wrapped[1:])


def _heads(table: TextTable) -> Iterator[Sequence[str]]:
    """The lines of the header; names of fewer lines stand at the bottom. None if all are empty."""
    if any(table.columns):
        lines = [reversed(name.split("\n")) for name in table.columns]
        yield from reversed([*zip_longest(*lines, fillvalue="")])


def _join(row: Sequence[str], table: TextTable, widths: Sequence[int]) -> str:
    cells = [
        _pad(cell, width, is_number=place in table.numbers)
        for place, (cell, width) in enumerate(zip(row, widths, strict=False))
    ]
    return (" " * table.gap).join(cells).rstrip()


def _pad(cell: str, width: int, *, is_number: bool) -> str:
    blanks = " " * (width - cell_len(cell))
    return blanks + cell if is_number else cell + blanks


def _wrap(text: str, width: int) -> list[str]:
    wrapped = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return wrapped or [""]
