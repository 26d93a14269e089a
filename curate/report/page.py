"""What a page of numbers says, before it is HTML."""

from collections.abc import Iterator
from dataclasses import dataclass

from curate.report.table import Cell, Kind, Table, format_cell


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A number that a page begins with."""

    key: str  # in JSON
    label: str
    value: Cell
    kind: Kind = Kind.COUNT
    note: str = ""

    @property
    def text(self) -> str:
        """The number as people read it."""
        return format_cell(self.value, self.kind)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A plot; its numbers are the table of its section."""

    title: str
    about: str  # what it shows, for those who do not see it
    svg: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page: some of text, plot and table."""

    heading: str
    text: str = ""
    notice: str = ""  # instead of numbers that there are not yet
    figure: Figure | None = None
    table: Table | None = None
    note: str = ""  # below the table


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of numbers."""

    key: str  # in `NAVIGATION`
    title: str
    lead: str
    facts: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = ()

    def iter_tables(self) -> Iterator[Table]:
        """Yield the tables, which are also files."""
        for section in self.sections:
            if section.table:
                yield section.table

    def as_dict(self) -> dict[str, object]:
        """Return the numbers as JSON has them."""
        return {
            "facts": {fact.key: fact.value for fact in self.facts},
            "tables": {table.name: table.list_records() for table in self.iter_tables()},
        }
