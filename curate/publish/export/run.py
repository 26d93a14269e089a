"""Export rows as one file or as a directory in another tool's format."""

import json
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from curate.builders.process.atomic_write import atomic_write
from curate.core.errors import ConfigurationError
from curate.publish.context import ProgressCallback, PublishContext, ignore_progress
from curate.publish.export.folder import FOLDER_FILES, render_folder_row
from curate.publish.export.harbor import HarborDataset, NetworkMode
from curate.publish.export.swebench import render_repository, render_repository_task
from curate.publish.filters.apply import SplitExaminers
from curate.publish.filters.config import Exclusion, ReleaseFilters
from curate.publish.filters.where import filter_rows_sql
from curate.publish.images import list_images, set_images
from curate.publish.output_paths import (
    DATA_FILE_SUFFIXES,
    explain_path_errors,
    require_writable,
)
from curate.publish.release import write_parquet
from curate.publish.row_guard import RenderRow, RowGuard
from curate.publish.tables import make_raw_rows, make_train_rows
from curate.releases.row import Row, get_str
from curate.releases.table import RowTable

STDOUT = Path("-")
FOLDER_FORMATS = ("swebench", "harbor", "folder")
FORMAT_BY_SUFFIX = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
NEMO_GYM = "nemo-gym"  # JSON Lines with `install_config` as an object
LINE_FORMATS = ("jsonl", NEMO_GYM)


def choose_format(path: Path, wanted: str | None) -> str:
    """Return the format of the output at *path*: the one *wanted*, else that of its suffix.

    Raises ConfigurationError if the suffix tells none, or another one.
    """
    told = "jsonl" if path == STDOUT else FORMAT_BY_SUFFIX.get(path.suffix.lower())
    formats = f"Formats: {', '.join(FORMAT_BY_SUFFIX)} by suffix; directories by"
    hint = f"{formats} --format {', '.join(FOLDER_FORMATS)}; .jsonl files also by {NEMO_GYM}."
    if wanted == NEMO_GYM and told == "jsonl":
        return wanted
    if wanted is None and told is None:
        raise ConfigurationError(f"No format is known for {path}.", hint=hint)
    is_other_file = path.suffix.lower() in DATA_FILE_SUFFIXES and path != STDOUT
    if wanted and wanted != told and (told or is_other_file) and path != STDOUT:
        raise ConfigurationError(
            f"{path} is not named like format {wanted}.",
            hint=f"Change the name or --format. {hint}",
        )
    return wanted or str(told)


def require_exportable(split: str, export_format: str, path: Path) -> None:
    """Raise an error if format, split and path do not go together, or *path* cannot be made.

    The path `-` is standard output, for "jsonl" only.
    """
    if path == STDOUT and export_format not in LINE_FORMATS:
        raise ConfigurationError(
            f"Format {export_format} cannot be written to standard output.",
            hint="Pass a path instead of -.",
        )
    if export_format in (*FOLDER_FORMATS, NEMO_GYM) and split == "raw":
        raise ConfigurationError(
            f"Format {export_format} requires verified instances.", hint="Add --split verified."
        )
    if path == STDOUT:
        return
    _check_parent(path)
    with explain_path_errors(path):
        is_folder, has_files = path.is_dir(), path.is_dir() and any(path.iterdir())
    if export_format in FOLDER_FORMATS and (has_files or (path.exists() and not is_folder)):
        state = "not empty" if is_folder else "not a directory"
        raise ConfigurationError(f"{path} is {state}.", hint="Choose a new directory.")
    if export_format not in FOLDER_FORMATS and is_folder:
        raise ConfigurationError(
            f"{path} is a directory.", hint=f"For example: {path / 'rows.jsonl'}"
        )
    require_writable(path)


def select_rows(
    ctx: PublishContext,
    split: str,
    filters: ReleaseFilters,
    *,
    where: str = "",
    registry: str = "",
) -> tuple[RowTable, Sequence[Exclusion]]:
    """Return the rows of "raw" or "verified" that match *where*, and the exclusions.

    Images are referenced as pushed to *registry*, else as built locally.
    """
    examiners = SplitExaminers(filters)
    if split == "raw":
        table = make_raw_rows(ctx, examiners.raw)
    else:
        table = make_train_rows(ctx, examiners.train)
    rows = table.rows
    if registry and split != "raw":
        rows = set_images(rows, list_images(ctx.store, registry, rows.ids).registry_images)
    rows = filter_rows_sql(rows, where) if where else rows
    return rows, [exclusions[0] for exclusions in table.excluded.values()]


def write_rows(
    rows: RowTable,
    split: str,
    export_format: str,
    path: Path,
    progress: ProgressCallback = ignore_progress,
    network: NetworkMode = NetworkMode.PUBLIC,
) -> Sequence[Exclusion]:
    """Write *rows* as "jsonl", "nemo-gym", "parquet", "swebench", "harbor" or "folder".

    *network* is that of Harbor tasks. The output is written atomically, row by row. Returns the
    rows that a bug in curate left out.
    Raises the errors of `require_exportable`.
    """
    require_exportable(split, export_format, path)
    guard = RowGuard()
    with explain_path_errors(path):
        if export_format == "harbor":
            _write_harbor(rows, path, progress, guard, network)
        else:
            _write_rows(rows, export_format, path, progress, guard)
    return guard.left_out


def _write_rows(
    rows: RowTable, export_format: str, path: Path, progress: ProgressCallback, guard: RowGuard
) -> None:
    told = partial(progress, "writing rows")
    if export_format == "parquet":
        with atomic_write(path) as partial_file:
            write_parquet(partial_file, rows, told, guard)
        return
    counted = _count_progress(guard.iter_rows(rows), len(rows), told)
    if export_format in LINE_FORMATS:
        render_line = _render_line if export_format == "jsonl" else _render_nemo_gym_line
        _write_json_lines(path, (line for _, line in guard.render(counted, render_line)))
        return
    head, render = _choose_renderer(export_format, path.resolve().name)
    _write_export_folder(path, chain(head.items(), guard.render(counted, render)))


def _write_harbor(
    rows: RowTable, path: Path, progress: ProgressCallback, guard: RowGuard, network: NetworkMode
) -> None:
    dataset = HarborDataset(name=path.resolve().name, network=network)
    counted = _count_progress(guard.iter_rows(rows), len(rows), partial(progress, "writing rows"))
    tasks = guard.render(counted, dataset.render_task)
    _write_export_folder(path, chain(tasks, _call_later(dataset.render_lists)))


def _call_later(render: Callable[[], Iterable[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    yield from render()


def _count_progress(
    rows: Iterable[Row], total: int, told: Callable[[int, int], None]
) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        told(number, total)
        yield row


def _choose_renderer(export_format: str, name: str) -> tuple[Mapping[str, str], RenderRow]:
    """Files of the directory itself, and what renders those of a row.

    Contents of a path that comes again are appended.
    """
    if export_format == "swebench":
        dataset = f"local/{name}"
        return render_repository(dataset), partial(render_repository_task, dataset)
    return FOLDER_FILES, render_folder_row


def _render_line(row: Row) -> Iterator[tuple[str, str]]:
    yield "", json.dumps(row, ensure_ascii=False) + "\n"


def _render_nemo_gym_line(row: Row) -> Iterator[tuple[str, str]]:
    """NeMo-Gym's server for SWE-rebench reads `install_config` as an object."""
    config = json.loads(get_str(row, "install_config"))
    yield "", json.dumps({**row, "install_config": config}, ensure_ascii=False) + "\n"


def _write_json_lines(path: Path, lines: Iterable[str]) -> None:
    if path == STDOUT:
        sys.stdout.writelines(lines)
        return
    with atomic_write(path) as partial_file, partial_file.open("w", encoding="utf-8") as file:
        file.writelines(lines)


def _write_export_folder(path: Path, files: Iterable[tuple[str, str]]) -> None:
    path = path.absolute()
    work = path.with_name(f".{path.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    for name, content in files:
        target = work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a", encoding="utf-8", newline="") as file:
            file.write(content)
        if target.suffix == ".sh":
            target.chmod(0o755)
    work.replace(path)


def _check_parent(path: Path) -> None:
    if not path.parent.exists():
        raise ConfigurationError(
            f"Directory {path.parent} does not exist.",
            hint=f"Run: mkdir -p {shlex.quote(str(path.parent))}",
        )
