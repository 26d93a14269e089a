"""Tables of numbers: the same ones as HTML, as CSV beside the page, and as JSON."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

Cell = str | int | float | None
"""None = not measured."""

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_FORMULA = tuple("=+-@\t\r")  # with which a cell is a formula to a spreadsheet


class Kind(StrEnum):
    """How a column's values are written for people."""

    TEXT = "text"
    COUNT = "count"
    MEAN = "mean"  # two decimals, unless it is whole
    SHARE = "share"  # 0 to 1, as a percentage
    HOURS = "hours"
    BYTES = "bytes"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    key: str  # in CSV and JSON
    label: str
    kind: Kind = Kind.COUNT

    @property
    def is_number(self) -> bool:
        """Whether its cells stand at the right."""
        return self.kind is not Kind.TEXT


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells; the first cell of each names the row."""

    name: str  # of its file, without `.csv`
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    shown: int = 500  # rows on the page; all are in the file
    row_kinds: tuple[Kind, ...] = ()  # of the numbers of each row, where rows differ in kind

    def iter_texts(self) -> Iterator[list[str]]:
        """Yield the cells of the rows that are on the page, as people read them."""
        for number, row in enumerate(self.rows[: self.shown]):
            kind = self.row_kinds[number] if self.row_kinds else None
            yield [
                format_cell(cell, kind or column.kind)
                for cell, column in zip(row, self.columns, strict=True)
            ]

    def list_records(self) -> list[dict[str, Cell]]:
        """Return the rows as JSON has them."""
        keys = [column.key for column in self.columns]
        return [dict(zip(keys, row, strict=True)) for row in self.rows]

    def make_csv(self) -> str:
        """Return the table as CSV, numbers as they are; text is never a formula."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(column.key for column in self.columns)
        writer.writerows([_guard_cell(cell) for cell in row] for row in self.rows)
        return text.getvalue()


def text_column(key: str, label: str) -> Column:
    """Return a column of text."""
    return Column(key=key, label=label, kind=Kind.TEXT)


def format_cell(cell: Cell, kind: Kind) -> str:
    """Return *cell* as a column of *kind* shows it."""
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    return {
        Kind.SHARE: f"{cell:.1%}",
        Kind.HOURS: _format_hours(cell),
        Kind.MEAN: f"{cell:,.0f}" if cell == int(cell) else f"{cell:,.2f}",
        Kind.BYTES: format_bytes(cell),
    }.get(kind, f"{cell:,.0f}")


def format_bytes(size: float) -> str:
    """Return *size* with the unit that leaves one to three digits before the point."""
    for unit in _UNITS:
        if round(size) < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit == "B" or size >= 100 else f"{size:,.1f} {unit}"


def _format_hours(hours: float) -> str:
    if hours >= 1000 or not hours:
        return f"{hours:,.0f}"
    return f"{hours:,.2f}" if hours >= 0.1 else f"{hours:.2g}"


def sort_by_count(counts: dict[str, int]) -> Sequence[tuple[str, int]]:
    """Return the items of *counts*, most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _guard_cell(cell: Cell) -> Cell:
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULA)
    return f"'{cell}" if is_formula else cell
