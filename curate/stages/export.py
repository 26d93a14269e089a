"""Rows as one file, outside of any release."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curate.errors import BadInput
from curate.publishing.rows import Problem, Row, raw_rows, train_rows
from curate.publishing.schema import RAW, TRAIN, features
from curate.store import Store

STDOUT = Path("-")


def export_rows(
    store: Store, split: str, form: str, path: Path
) -> tuple[int, Sequence[tuple[str, str]]]:
    """Write *split* ("raw" or "verified") as "jsonl" or "parquet"; count and what was left out.

    The file appears whole or not at all; `-` is standard output, for JSON lines only.
    """
    made = raw_rows(store.candidates()) if split == "raw" else train_rows(store.verified())
    rows = [row for row in made if not isinstance(row, Problem)]
    if form == "jsonl":
        _write_lines(path, rows)
    else:
        _write_parquet(path, rows, split)
    left_out = [(p.instance_id, p.reason) for p in made if isinstance(p, Problem)]
    return len(rows), left_out


def _write_lines(path: Path, rows: Sequence[Row]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path == STDOUT:
        sys.stdout.writelines(lines)
        return
    with _partial(path).open("w", encoding="utf-8") as file:
        file.writelines(lines)
    _partial(path).replace(path)


def _write_parquet(path: Path, rows: list[Row], split: str) -> None:
    if path == STDOUT:
        raise BadInput("Parquet does not go to standard output.", hint="Name a file.")
    from datasets import Dataset  # type: ignore[import-untyped]

    columns: Any = features(RAW if split == "raw" else TRAIN)
    Dataset.from_list(rows, features=columns).to_parquet(_partial(path))
    _partial(path).replace(path)


def _partial(path: Path) -> Path:
    if not path.parent.is_dir():
        raise BadInput(f"There is no folder {path.parent}.", hint="Make it first.")
    return path.with_name(f".{path.name}.part")
