"""Reading the rows of a release directory."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from curate.core.errors import ConfigurationError, StoreError
from curate.core.files import require_ordinary_file
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS, Column, make_features
from curate.releases.row import Row


def list_splits(folder: Path) -> list[str]:
    """Return the names of the splits in *folder*, sorted."""
    return sorted({path.name.split("-")[0] for path in folder.glob("data/*.parquet")})


def expected_columns(split: str) -> tuple[Column, ...]:
    """Return the columns that a split must have."""
    return RAW_COLUMNS if split == "raw" else TRAIN_COLUMNS


def iter_rows(folder: Path, split: str, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """Yield the rows of *split*, whatever their columns; one group of them is in memory at once.

    *columns* are those to read (default: all). Raises StoreError for an invalid file.
    """
    import pyarrow
    import pyarrow.parquet

    for path in sorted(folder.glob(f"data/{split}-*.parquet")):
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                for number in range(file.num_row_groups):
                    yield from file.read_row_group(number, columns=columns).to_pylist()
        except pyarrow.ArrowInvalid as error:
            raise StoreError(
                f"{path} is not a valid Parquet file.", hint="Publish the release again."
            ) from error


def count_rows(folder: Path, split: str) -> int:
    """Return the number of rows of *split*, from the ends of its files."""
    import pyarrow.parquet

    paths = folder.glob(f"data/{split}-*.parquet")
    return sum(int(pyarrow.parquet.read_metadata(path).num_rows) for path in paths)


def read_columns(path: Path, names: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the text columns *names* of a Parquet or JSON Lines file.

    Raises ConfigurationError if the file has no rows or lacks a column, OSError if it cannot be
    read.
    """
    import pyarrow
    import pyarrow.parquet

    require_ordinary_file(path)
    path.open("rb").close()
    try:
        if path.suffix == ".parquet":
            rows = pyarrow.parquet.read_table(path, columns=list(names)).to_pylist()
        else:
            with path.open(encoding="utf-8-sig") as lines:
                rows = [json.loads(line) for line in lines]
        columns = [{name: str(row[name]) for name in names} for row in rows]
    except (KeyError, TypeError, ValueError, RecursionError, pyarrow.ArrowException) as error:
        raise ConfigurationError(
            f"Cannot read the columns {', '.join(names)} of {path}.",
            hint="Pass Parquet or JSON Lines files with these columns.",
        ) from error
    if not columns:
        raise ConfigurationError(f"{path} has no rows.", hint="Pass a file that has some.")
    return columns


def find_schema_errors(folder: Path, split: str) -> Iterator[str]:
    """Yield one sentence per difference between the files of *split* and its columns."""
    import pyarrow.parquet

    expected = make_features(expected_columns(split)).arrow_schema
    for path in sorted(folder.glob(f"data/{split}-*.parquet")):
        found = pyarrow.parquet.read_schema(path)
        if found.names != expected.names:
            different = sorted(set(found.names) ^ set(expected.names)) or ["their order"]
            yield f"{path.name} has different columns: {', '.join(different)}."
            continue
        for expected_field, field in zip(expected, found, strict=True):
            if expected_field.type != field.type:
                yield (
                    f"{path.name}: column {field.name} has type {field.type},"
                    f" expected {expected_field.type}."
                )
