"""Records as JSON lines or Parquet, one after the other."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.process.model import SCHEMA_VERSION, Json, ProcessRecord

GROUP_BYTES = 8_000_000  # of text that a row group of Parquet has, about
_NESTED = ("understanding", "localization", "edits")  # JSON in Parquet: their keys vary


def write_records(records: Iterable[ProcessRecord], path: Path, suffix: str) -> None:
    """Write *records* to *path*; *suffix* is "jsonl" or "parquet"."""
    rows = (_make_encodable(asdict(record)) for record in records)
    if suffix == "parquet":
        _write_parquet(rows, path)
        return
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(_dump(row) + "\n")


def read_records(path: Path) -> Iterator[Json]:
    """Yield the records of a file that `write_records` wrote, as JSON has them."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=8):
            for row in batch.to_pylist():
                yield {**row, **{name: json.loads(row[name]) for name in _NESTED}}
        return
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from map(json.loads, file)


def _make_encodable(value: Any) -> Any:
    """Write bytes of paths that are not UTF-8 as backslashes and digits, wherever they are."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_make_encodable(key): _make_encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_make_encodable(item) for item in value]
    return value


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _write_parquet(rows: Iterable[Json], path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    schema = _make_schema()
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _iter_groups(rows):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))


def _iter_groups(rows: Iterable[Json]) -> Iterator[list[Json]]:
    group: list[Json] = []
    size = 0
    for row in rows:
        flat = {**row, **{name: _dump(row[name]) for name in _NESTED}}
        group.append(flat)
        size += sum(len(flat[name]) for name in _NESTED)
        if size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _make_schema() -> Any:
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    stage = {
        "stage": text,
        "prompt": text,
        "answer": text,
        "reason": text,
        "omitted": number,
        "prompt_tokens": number,
        "answer_tokens": number,
    }
    names = ("instance_id", "repo", "base_commit", "reason", "detail", "tokenizer")
    fields = [
        *((name, text) for name in (*names, "problem_statement", *_NESTED)),
        ("stages", pyarrow.list_(pyarrow.struct(list(stage.items())))),
        ("schema_version", text),
    ]
    return pyarrow.schema(fields, metadata={"curate_process_schema_version": SCHEMA_VERSION})
