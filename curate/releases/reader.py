"""A release folder's rows, read back."""

import json
from collections.abc import Iterator
from pathlib import Path

from curate.core.errors import BadInput, StoreError
from curate.releases.columns import RAW, TRAIN, Column, features
from curate.releases.row import Row


def split_names(folder: Path) -> list[str]:
    """Names of the splits that *folder* holds, sorted."""
    return sorted({path.name.split("-")[0] for path in folder.glob("data/*.parquet")})


def columns_of(split: str) -> tuple[Column, ...]:
    """The columns that a split must have."""
    return RAW if split == "raw" else TRAIN


def read_rows(folder: Path, split: str) -> list[Row]:
    """All rows of *split*, whatever their columns; StoreError for a file that is no Parquet."""
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    rows: list[Row] = []
    for path in sorted(folder.glob(f"data/{split}-*.parquet")):
        try:
            rows += pyarrow.parquet.read_table(path).to_pylist()
        except pyarrow.ArrowInvalid as error:
            raise StoreError(f"{path} is no Parquet file.", hint="Publish again.") from error
    return rows


def read_columns(path: Path, names: tuple[str, ...]) -> list[dict[str, str]]:
    """The text columns *names* of a Parquet file or of JSON lines; BadInput where they are not."""
    import pyarrow
    import pyarrow.parquet

    try:
        if path.suffix == ".parquet":
            rows = pyarrow.parquet.read_table(path, columns=list(names)).to_pylist()
        else:
            with path.open(encoding="utf-8") as lines:
                rows = [json.loads(line) for line in lines]
        return [{name: str(row[name]) for name in names} for row in rows]
    except (OSError, KeyError, TypeError, ValueError, pyarrow.ArrowException) as error:
        said = f"{path} has no rows with the columns {', '.join(names)}."
        raise BadInput(said, hint="Name Parquet files, or files of JSON lines.") from error


def schema_faults(folder: Path, split: str) -> Iterator[str]:
    """How the files of *split* depart from its columns, one sentence each."""
    import pyarrow.parquet

    expected = features(columns_of(split)).arrow_schema
    for path in sorted(folder.glob(f"data/{split}-*.parquet")):
        found = pyarrow.parquet.read_schema(path)
        if found.names != expected.names:
            other = sorted(set(found.names) ^ set(expected.names)) or ["their order"]
            yield f"{path.name} has other columns: {', '.join(other)}."
            continue
        for wanted, field in zip(expected, found, strict=True):
            if wanted.type != field.type:
                yield f"{path.name} has {field.type} for {field.name}, not {wanted.type}."
