"""The configuration `swebench-strings`: the same rows, with their two lists of tests as JSON text.

Inspect and older readers of SWE-bench take these columns as strings. Its files are in a folder of
their own, so that readers of `data` do not see them.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from operator import ne
from pathlib import Path
from typing import Any

from curate.releases.columns import TRAIN_COLUMNS, make_features
from curate.releases.row import Row

CONFIG = "swebench-strings"
FOLDER = CONFIG
LIST_COLUMNS = ("FAIL_TO_PASS", "PASS_TO_PASS")
_BATCH_ROWS = 10


@cache
def make_schema() -> Any:
    """Return the Arrow schema of the files, with the note that `datasets` makes of it."""
    columns = [
        replace(column, kind="string") if column.name in LIST_COLUMNS else column
        for column in TRAIN_COLUMNS
    ]
    return make_features(tuple(columns)).arrow_schema


def convert_table(table: Any, rows: Sequence[Row]) -> Any:
    """Return the Arrow *table* of *rows* with `LIST_COLUMNS` as JSON strings; others are shared."""
    import pyarrow

    arrays = {name: table.column(name) for name in table.column_names}
    for name in LIST_COLUMNS:
        arrays[name] = pyarrow.array([json.dumps(row[name]) for row in rows], pyarrow.string())
    return pyarrow.table(list(arrays.values()), schema=make_schema())


def find_differences(folder: Path, split: str) -> Iterator[str]:
    """Yield one sentence if the rows of *split* are not also in the configuration.

    Columns, ids and lists are compared.
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
            elif _same_size(file, text) and not any(map(ne, _iter_tests(file), _iter_tests(text))):
                continue
            else:
                yield f"{FOLDER}/{path.name} has other tests than data/{path.name}."


def _same_size(file: Any, other: Any) -> bool:
    return bool(file.metadata.num_rows == other.metadata.num_rows)


def _iter_tests(file: Any) -> Iterator[tuple[str, ...]]:
    """Yield each row's id and lists as JSON text; a few rows are in memory at once."""
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=["instance_id", *LIST_COLUMNS]):
        for row in batch.to_pylist():
            yield row["instance_id"], *(_as_text(row[name]) for name in LIST_COLUMNS)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
