"""The configuration `swebench-strings`: the same rows, with their two lists of tests as JSON text.

Inspect and older readers of SWE-bench take these columns as strings. Its files are in a folder of
their own, so that readers of `data` do not see them.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from curate.releases.columns import TRAIN_COLUMNS, make_features

CONFIG = "swebench-strings"
FOLDER = CONFIG
LIST_COLUMNS = ("FAIL_TO_PASS", "PASS_TO_PASS")


@cache
def make_schema() -> Any:
    """Return the Arrow schema of the files, with the note that `datasets` makes of it."""
    columns = [
        replace(column, kind="string") if column.name in LIST_COLUMNS else column
        for column in TRAIN_COLUMNS
    ]
    return make_features(tuple(columns)).arrow_schema


def convert_table(table: Any) -> Any:
    """Return the Arrow *table* of rows with `LIST_COLUMNS` as JSON strings."""
    import pyarrow

    arrays = {name: table.column(name) for name in table.column_names}
    for name in LIST_COLUMNS:
        arrays[name] = pyarrow.array(map(json.dumps, arrays[name].to_pylist()), pyarrow.string())
    return pyarrow.table(list(arrays.values()), schema=make_schema())


def find_differences(folder: Path, split: str) -> Iterator[str]:
    """Yield one sentence if the rows of *split* are not also in the configuration.

    Ids, lists and the order of the columns are compared, of a group of rows at a time.
    """
    import pyarrow.parquet

    for path in sorted(folder.glob(f"data/{split}-*.parquet")):
        other = folder / FOLDER / path.name
        if not other.is_file():
            yield f"{FOLDER}/{path.name} is missing: publish the release again."
            continue
        with pyarrow.parquet.ParquetFile(path) as file, pyarrow.parquet.ParquetFile(other) as text:
            if text.schema_arrow.names != file.schema_arrow.names:
                yield f"{FOLDER}/{path.name} has other columns than data/{path.name}."
            elif list(_iter_lists(file)) != list(_iter_lists(text)):
                yield f"{FOLDER}/{path.name} has other tests than data/{path.name}."


def _iter_lists(file: Any) -> Iterator[int]:
    """Yield a hash of each row's id and lists, whichever form they have."""
    for batch in file.iter_batches(batch_size=100, columns=["instance_id", *LIST_COLUMNS]):
        for row in batch.to_pylist():
            yield hash((row["instance_id"], *(_read_list(row[name]) for name in LIST_COLUMNS)))


def _read_list(value: Any) -> tuple[str, ...]:
    return tuple(json.loads(value) if isinstance(value, str) else value)
