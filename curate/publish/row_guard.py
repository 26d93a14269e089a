"""Rows of an export: one that cannot be read or rendered is left out with a reason."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from curate.publish.filters.config import Exclusion, exclude_for_bug
from curate.releases.row import Row, get_str
from curate.releases.table import RowTable

RenderRow = Callable[[Row], Iterable[tuple[str, str]]]
"""Row -> (relative path, content) of its files."""


@dataclass(frozen=True, kw_only=True)
class RowGuard:
    """Collects the rows that a bug in curate keeps out of an export."""

    left_out: list[Exclusion] = field(default_factory=list)

    def leave_out(self, row: Row, error: Exception) -> None:
        """Record that *row* is left out; an error that concerns all rows is raised again."""
        self._record(get_str(row, "instance_id"), error)

    def iter_rows(self, rows: RowTable) -> Iterator[Row]:
        """Yield the *rows* that can be read."""
        remaining, done = list(rows.ids), 0
        while remaining:
            try:
                for row in rows.read(remaining, rows.column_names):
                    yield row
                    done += 1
                return
            except Exception as error:
                self._record(remaining[done], error)
            remaining, done = remaining[done + 1 :], 0

    def render(self, rows: Iterable[Row], render: RenderRow) -> Iterator[tuple[str, str]]:
        """Yield the files of the *rows* that can be rendered, as UTF-8 too."""
        for row in rows:
            try:
                files = [(path, content) for path, content in render(row) if _is_text(content)]
            except Exception as error:
                self.leave_out(row, error)
                continue
            yield from files

    def _record(self, instance_id: str, error: Exception) -> None:
        if isinstance(error, UnicodeEncodeError):  # here of the row's text, not of a user's name
            error = ValueError(str(error))
        self.left_out.append(exclude_for_bug(instance_id, error))


def _is_text(content: str) -> bool:
    """True; raises UnicodeEncodeError for what cannot be written as UTF-8."""
    content.encode()
    return True
