"""How one release differs from another: pure, by split, instance and column."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate.releases.reader import read_rows, split_names
from curate.releases.row import Row, text


@dataclass(frozen=True, kw_only=True)
class SplitDiff:
    """Instances that come, go and change in a split, and in how many rows each column changes."""

    split: str
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    changed: Sequence[str] = ()
    columns: Mapping[str, int] = field(default_factory=dict)
    new_columns: Sequence[str] = ()
    lost_columns: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(
            self.added or self.removed or self.changed or self.new_columns or self.lost_columns
        )


def diff_rows(split: str, old: Sequence[Row], new: Sequence[Row]) -> SplitDiff:
    """What must happen to *old* to become *new*."""
    before = {text(row, "instance_id"): row for row in old}
    after = {text(row, "instance_id"): row for row in new}
    had, has = (set(rows[0]) if rows else set[str]() for rows in (old, new))
    shared = had & has
    columns: Counter[str] = Counter()
    changed = []
    for name in sorted(before.keys() & after.keys()):
        other = [c for c in shared if before[name][c] != after[name][c]]
        columns.update(other)
        changed += [name] if other else []
    order = [column for column in (new[0] if new else {}) if column in columns]
    return SplitDiff(
        split=split,
        added=sorted(after.keys() - before.keys()),
        removed=sorted(before.keys() - after.keys()),
        changed=changed,
        columns={column: columns[column] for column in order},
        new_columns=sorted(has - had) if old and new else (),
        lost_columns=sorted(had - has) if old and new else (),
    )


def diff_folders(old: Path, new: Path) -> list[SplitDiff]:
    """One difference a split that either folder holds, by name."""
    names = sorted({*split_names(old), *split_names(new)})
    return [diff_rows(name, read_rows(old, name), read_rows(new, name)) for name in names]
