"""A table of rows that are read as needed: a release may be larger than memory."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from curate.releases.columns import Column
from curate.releases.row import Row, get_str

RowReader = Callable[[Sequence[str], Collection[str]], Iterator[Row]]
"""Yields the rows of instance ids, in their order, with at least the given columns."""


@dataclass(frozen=True, kw_only=True)
class RowTable:
    """Rows by instance id, in the order of `ids`."""

    columns: tuple[Column, ...]
    ids: Sequence[str]
    read: RowReader

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Row]:
        return self.read(self.ids, self.column_names)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def iter_columns(self, names: Collection[str]) -> Iterator[Row]:
        """Yield all rows with at least the columns *names*."""
        return self.read(self.ids, names)

    def select(self, ids: Iterable[str]) -> "RowTable":
        """Return the rows of *ids*, in the order of this table."""
        wanted = frozenset(ids)
        chosen = [name for name in self.ids if name in wanted]
        return RowTable(columns=self.columns, ids=chosen, read=self.read)

    def map(self, change: Callable[[Row], Row]) -> "RowTable":
        """Return the rows as *change* returns them; of a row it may have got some columns only."""

        def read(ids: Sequence[str], names: Collection[str]) -> Iterator[Row]:
            return map(change, self.read(ids, {"instance_id", *names}))

        return RowTable(columns=self.columns, ids=self.ids, read=read)

    def sort(self) -> "RowTable":
        """Return the same rows sorted by instance id."""
        return RowTable(columns=self.columns, ids=sorted(self.ids), read=self.read)


def make_table(columns: tuple[Column, ...], rows: Iterable[Row] = ()) -> RowTable:
    """Return a table of *rows* that are in memory."""
    kept = list(rows)
    by_id = {get_str(row, "instance_id"): row for row in kept}
    return RowTable(
        columns=columns,
        ids=[get_str(row, "instance_id") for row in kept],
        read=lambda ids, _: (by_id[name] for name in ids),
    )
