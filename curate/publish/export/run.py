"""Rows as one file or as a folder of another tool's form, outside of any release."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from builders.process.atomic_write import atomic_write
from curate.core.errors import BadInput
from curate.publish.export.folder import folder_files
from curate.publish.export.harbor import task_files
from curate.publish.export.swebench import repository_files
from curate.publish.filters.config import Problem, Rules
from curate.publish.filters.where import subset
from curate.publish.images import images
from curate.publish.measures.codebase import Bases
from curate.publish.release import write_parquet
from curate.publish.tables import raw_table, train_table
from curate.releases.reader import columns_of
from curate.releases.row import Row, text
from curate.store import Store

STDOUT = Path("-")
FOLDERS = frozenset({"swebench", "harbor", "folder"})


def chosen_rows(
    store: Store, bases: Bases, split: str, rules: Rules, *, where: str = "", registry: str = ""
) -> tuple[list[Row], Sequence[Problem]]:
    """Rows of "raw" or "verified" for which *where* holds, and what is held back.

    Images are named as they were pushed to *registry*, else as they were built here.
    """
    if split == "raw":
        table = raw_table(store, bases, rules)
    else:
        places = images(store, registry).there if registry else {}
        table = train_table(store, bases, rules, places)
    rows = subset(table.kept, where) if where else list(table.kept)
    return rows, [them[0] for them in table.held.values()]


def write_rows(rows: list[Row], split: str, form: str, path: Path) -> None:
    """Write *rows* in the form "jsonl", "parquet", "swebench", "harbor" or "folder".

    What is written appears whole or not at all; `-` is standard output, for JSON lines only.
    """
    if path == STDOUT and form != "jsonl":
        raise BadInput(f"The form {form} does not go to standard output.", hint="Name a path.")
    if form in FOLDERS and split == "raw":
        raise BadInput(f"The form {form} is for verified instances.", hint="Add --split verified.")
    if form == "jsonl":
        _write_lines(path, rows)
    elif form == "parquet":
        _check_parent(path)
        with atomic_write(path) as partial:
            write_parquet(partial, columns_of("raw" if split == "raw" else "train"), rows)
    else:
        _write_folder(path, _files(rows, form, path.resolve().name))


def _files(rows: list[Row], form: str, name: str) -> dict[str, str]:
    if form == "swebench":
        return repository_files(f"local/{name}", rows)
    if form == "folder":
        return folder_files(rows)
    return {
        f"{text(row, 'instance_id')}/{path}": content
        for row in rows
        for path, content in task_files(row).items()
    }


def _write_lines(path: Path, rows: Sequence[Row]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path == STDOUT:
        sys.stdout.writelines(lines)
        return
    _check_parent(path)
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.writelines(lines)


def _write_folder(path: Path, files: Mapping[str, str]) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BadInput(f"{path} is not empty.", hint="Name a new folder.")
    _check_parent(path)
    work = path.with_name(f".{path.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    for name, content in files.items():
        target = work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8", newline="")
        if target.suffix == ".sh":
            target.chmod(0o755)
    work.replace(path)


def _check_parent(path: Path) -> None:
    if not path.parent.is_dir():
        raise BadInput(f"There is no folder {path.parent}.", hint="Make it first.")
