"""Differences between two releases, by split, instance and column."""

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate.releases.reader import iter_rows, list_splits
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


def diff_rows(split: str, old: Iterable[Row], new: Iterable[Row]) -> SplitDiff:
    """Compare the rows of one split; of each row only hashes of its values are kept."""
    old_columns, old_rows = _hash_rows(old)
    new_columns, new_rows = _hash_rows(new)
    shared = [(old_columns.index(it), n) for n, it in enumerate(new_columns) if it in old_columns]
    counts: Counter[str] = Counter()
    changed = []
    for name in sorted(old_rows.keys() & new_rows.keys()):
        before, after = old_rows[name], new_rows[name]
        if differing := [new_columns[n] for o, n in shared if before[o] != after[n]]:
            counts.update(differing)
            changed.append(name)
    both = bool(old_rows and new_rows)
    return SplitDiff(
        split=split,
        added=sorted(new_rows.keys() - old_rows.keys()),
        removed=sorted(old_rows.keys() - new_rows.keys()),
        changed=changed,
        columns={column: counts[column] for column in new_columns if column in counts},
        new_columns=sorted(set(new_columns) - set(old_columns)) if both else (),
        removed_columns=sorted(set(old_columns) - set(new_columns)) if both else (),
    )


def _hash_rows(rows: Iterable[Row]) -> tuple[list[str], dict[str, "array[int]"]]:
    """Return the columns, and the hash of each value by instance id."""
    columns: list[str] = []
    hashes: dict[str, array[int]] = {}
    for row in rows:
        columns = columns or list(row)
        hashes[get_str(row, "instance_id")] = array("q", map(_hash_value, row.values()))
    return columns, hashes


def _hash_value(value: object) -> int:
    """Return a hash that holds in this process; of long texts it is the quickest."""
    if isinstance(value, str):
        return hash(value)
    if isinstance(value, list) and all(isinstance(it, str) for it in value):
        return hash(tuple(value))
    return hash((type(value).__name__, json.dumps(value)))


def diff_folders(old: Path, new: Path) -> list[SplitDiff]:
    """Compare two release directories; one `SplitDiff` per split of either, sorted by name."""
    names = sorted({*list_splits(old), *list_splits(new)})
    return [diff_rows(name, iter_rows(old, name), iter_rows(new, name)) for name in names]
