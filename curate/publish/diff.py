"""Differences between two releases, by split, instance and column."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate.releases.reader import list_splits, read_rows
from curate.releases.row import Row, get_str


@dataclass(frozen=True, kw_only=True)
class SplitDiff:
    """Added, removed and changed instances of a split, and the number of changes per column."""

    split: str
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    changed: Sequence[str] = ()
    columns: Mapping[str, int] = field(default_factory=dict)
    new_columns: Sequence[str] = ()
    removed_columns: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(
            self.added or self.removed or self.changed or self.new_columns or self.removed_columns
        )


def diff_rows(split: str, old: Sequence[Row], new: Sequence[Row]) -> SplitDiff:
    """Compare the rows of one split."""
    old_rows = {get_str(row, "instance_id"): row for row in old}
    new_rows = {get_str(row, "instance_id"): row for row in new}
    old_columns, new_columns = (set(rows[0]) if rows else set[str]() for rows in (old, new))
    shared = old_columns & new_columns
    columns: Counter[str] = Counter()
    changed = []
    for name in sorted(old_rows.keys() & new_rows.keys()):
        changed_columns = [c for c in shared if old_rows[name][c] != new_rows[name][c]]
        columns.update(changed_columns)
        changed += [name] if changed_columns else []
    order = [column for column in (new[0] if new else {}) if column in columns]
    return SplitDiff(
        split=split,
        added=sorted(new_rows.keys() - old_rows.keys()),
        removed=sorted(old_rows.keys() - new_rows.keys()),
        changed=changed,
        columns={column: columns[column] for column in order},
        new_columns=sorted(new_columns - old_columns) if old and new else (),
        removed_columns=sorted(old_columns - new_columns) if old and new else (),
    )


def diff_folders(old: Path, new: Path) -> list[SplitDiff]:
    """Compare two release directories; one `SplitDiff` per split of either, sorted by name."""
    names = sorted({*list_splits(old), *list_splits(new)})
    return [diff_rows(name, read_rows(old, name), read_rows(new, name)) for name in names]
