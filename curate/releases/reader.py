"""A release folder's rows, read back."""

import json
from collections.abc import Iterator
from pathlib import Path

from curate.core.errors import ConfigurationError, StoreError
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS, Column, make_features
from curate.releases.row import Row


def list_splits(folder: Path) -> list[str]:
    """Names of the splits that *folder* holds, sorted."""
    return sorted({path.name.split("-")[0] for path in folder.glob("data/*.parquet")})


def expected_columns(split: str) -> tuple[Column, ...]:
    """The columns that a split must have."""
    return RAW_COLUMNS if split == "raw" else TRAIN_COLUMNS


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
    """The text columns *names* of a Parquet file or of JSON lines; ConfigurationError where they
    are not."""
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
        error_text = f"{path} has no rows with the columns {', '.join(names)}."
        raise ConfigurationError(
            error_text, hint="Name Parquet files, or files of JSON lines."
        ) from error


def find_schema_errors(folder: Path, split: str) -> Iterator[str]:
    """How the files of *split* depart from its columns, one sentence each."""
    import pyarrow.parquet

    expected = make_features(expected_columns(split)).arrow_schema
    for path in sorted(folder.glob(f"data/{split}-*.parquet")):
        found = pyarrow.parquet.read_schema(path)
        if found.names != expected.names:
            other = sorted(set(found.names) ^ set(expected.names)) or ["their order"]
            yield f"{path.name} has other columns: {', '.join(other)}."
            continue
        for expected_field, field in zip(expected, found, strict=True):
            if expected_field.type != field.type:
                yield f"{path.name} has {field.type} for {field.name}, not {expected_field.type}."
