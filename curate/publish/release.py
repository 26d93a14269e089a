"""A release directory: Parquet files, dataset card and checksums, written atomically."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from curate.builders.process.replaced_folder import replaced_folder
from curate.core.certification import Certification
from curate.core.errors import ConfigurationError
from curate.publish.card import CardData, DatasetSplit, render_card
from curate.publish.context import ProgressCallback, ignore_progress
from curate.publish.output_paths import (
    explain_path_errors,
    require_directory_name,
    require_writable,
)
from curate.publish.row_guard import RowGuard
from curate.publish.swebench_strings import FOLDER as STRINGS_FOLDER
from curate.publish.swebench_strings import convert_table, make_schema
from curate.releases.certificate import (
    CERTIFICATE_FILE,
    CERTIFICATE_FILES,
    InvalidCertificateError,
    find_certificate_problems,
    make_certificate,
    read_certificate,
    write_certificate,
)
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS, make_features
from curate.releases.row import Row
from curate.releases.table import RowTable, make_table

CHECKSUMS_FILE = "SHA256SUMS"
COMPRESSION_LEVEL = 3  # of zstd: level 9 takes 5 times as long, files get 10 to 15 % smaller
ROWS_PER_GROUP = 100  # small row groups let streaming readers fetch parts of a file
ROWS_AT_ONCE = 20  # as Python's objects, which are many times as large as in Arrow


@dataclass(frozen=True, kw_only=True)
class ReleaseContent:
    """The content of a release; the order of rows does not matter."""

    card_data: CardData
    train: RowTable = field(default_factory=lambda: make_table(TRAIN_COLUMNS))
    raw: RowTable = field(default_factory=lambda: make_table(RAW_COLUMNS))
    subsets: Mapping[str, RowTable] = field(default_factory=dict)  # of train, by split name
    progress: ProgressCallback = ignore_progress
    # The newest certifications of rows, by instance id; with any there is a certificate.
    certifications: Mapping[str, Certification] = field(default_factory=dict)
    signing_key: Path | None = None  # None = the certificate is unsigned

    @property
    def tables(self) -> Mapping[str, RowTable]:
        """The rows of each non-empty split by its name; some readers fail on empty files."""
        tables = {"train": self.train, **self.subsets, "raw": self.raw}
        return {name: rows for name, rows in tables.items() if rows.ids}


def write_release(
    folder: Path,
    release: ReleaseContent,
    before_replacing: Callable[[Path], None] = lambda new: None,
) -> Path:
    """Write *release* to *folder*, replacing an earlier release; the output is deterministic.

    *before_replacing* is called with the new directory while the earlier release is still there.
    Raises ConfigurationError for a duplicate instance id, and if *folder* is neither empty nor a
    release.
    """
    require_replaceable(folder)
    folder = folder.absolute()
    with explain_path_errors(folder), replaced_folder(folder) as work:
        _fill_folder(work, release)
        before_replacing(work)
    return folder


def check_release(folder: Path) -> list[str]:
    """Check the files of a release against its checksums and its certificate, if it has one.

    Returns one sentence per problem.
    """
    problems = check_checksums(folder)
    if problems or not (folder / CERTIFICATE_FILE).exists():
        return problems
    try:
        return find_certificate_problems(read_certificate(folder), compute_checksums(folder))
    except InvalidCertificateError as error:
        return [str(error)]


def check_checksums(folder: Path) -> list[str]:
    """Check the files of a release against its checksums; return one sentence per problem."""
    checksums_file = folder / CHECKSUMS_FILE
    if not checksums_file.is_file():
        return [f"{folder} is not a release: it has no {CHECKSUMS_FILE}."]
    expected = {}
    for line in checksums_file.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        expected[name] = digest
    found = compute_checksums(folder)
    names = sorted(expected.keys() | found.keys())
    return [
        f"{name} does not match {CHECKSUMS_FILE}."
        for name in names
        if expected.get(name) != found.get(name)
    ]


def require_replaceable(folder: Path) -> None:
    """Raise an error unless *folder* can be made, is empty, or is an earlier release."""
    require_directory_name(folder)
    require_writable(folder)
    with explain_path_errors(folder):
        if not folder.exists() and not folder.is_symlink():
            return
        if folder.is_dir() and ((folder / CHECKSUMS_FILE).is_file() or not any(folder.iterdir())):
            return
    raise ConfigurationError(
        f"{folder} is neither empty nor a release."
        if folder.is_dir()
        else f"{folder} is not a directory.",
        hint="Choose a new directory for the release.",
    )


def _fill_folder(work: Path, release: ReleaseContent) -> None:
    (work / "data").mkdir(parents=True)
    splits = []
    for name, rows in release.tables.items():
        path = work / "data" / f"{name}-00000-of-00001.parquet"
        progress = partial(release.progress, f"writing {name}")
        strings = None
        if rows.columns == TRAIN_COLUMNS:
            strings = work / STRINGS_FOLDER / path.name
            strings.parent.mkdir(exist_ok=True)
        write_parquet(path, _sort_rows(rows), progress, strings=strings)
        size = path.stat().st_size
        splits.append(DatasetSplit(name=name, columns=rows.columns, rows=len(rows), size=size))
    (work / "README.md").write_text(render_card(release.card_data, tuple(splits)), encoding="utf-8")
    lines = (f"{digest}  {name}\n" for name, digest in sorted(compute_checksums(work).items()))
    (work / CHECKSUMS_FILE).write_text("".join(lines), encoding="utf-8")
    if release.certifications:
        certify_folder(work, release.train.ids, release.certifications, release.signing_key)


def certify_folder(
    folder: Path,
    ids: Iterable[str],
    certifications: Mapping[str, Certification],
    signing_key: Path | None = None,
) -> Path:
    """Write the certificate of the release in *folder*, which has the instances *ids*.

    Raises SigningError.
    """
    content = make_certificate(compute_checksums(folder), ids, certifications)
    return write_certificate(folder, content, signing_key)


def _sort_rows(rows: RowTable) -> RowTable:
    duplicates = [name for name, count in Counter(rows.ids).items() if count > 1]
    if duplicates:
        raise ConfigurationError(f"{duplicates[0]} occurs twice in one split.")
    return rows.sort()


def write_parquet(
    path: Path,
    rows: RowTable,
    progress: Callable[[int, int], None],
    guard: RowGuard | None = None,
    strings: Path | None = None,
) -> None:
    """Write *rows* as one compressed Parquet file; only a group of them is in memory at once.

    With a *guard*, a row that cannot be read or converted is left out. *strings* is a second file,
    with lists of tests as text.
    """
    schema: Any = make_features(rows.columns).arrow_schema
    remaining, done = guard.iter_rows(rows) if guard else iter(rows), 0
    with ExitStack() as files, ThreadPoolExecutor(1) as compressors:
        # One group is compressed, for each file in a thread, while the next is made.
        writers = [files.enter_context(_open_parquet(path, schema))]
        if strings:
            writers.append(files.enter_context(_open_parquet(strings, make_schema())))
        writing: list[Future[None]] = []
        while tables := _read_group(remaining, schema, guard, with_strings=strings is not None):
            done += ROWS_PER_GROUP
            for ended in writing:
                ended.result()
            writing = [
                compressors.submit(writer.write_table, table)
                for writer, table in zip(writers, tables, strict=True)
            ]
            progress(min(done, len(rows)), len(rows))
        for ended in writing:
            ended.result()


def _read_group(
    rows: Iterator[Row], schema: Any, guard: RowGuard | None, *, with_strings: bool
) -> list[Any]:
    """Return the next group of *rows* as Arrow tables, one for each file; [] if there is none."""
    import pyarrow

    parts = []
    for _ in range(ROWS_PER_GROUP // ROWS_AT_ONCE):
        if chunk := list(islice(rows, ROWS_AT_ONCE)):
            table = _make_table(chunk, schema, guard)
            parts.append((table, convert_table(table, chunk)) if with_strings else (table,))
    return [pyarrow.concat_tables(it) for it in zip(*parts, strict=True)]


def _open_parquet(path: Path, schema: Any) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetWriter(
        path, schema, compression="zstd", compression_level=COMPRESSION_LEVEL
    )


def _make_table(group: Sequence[Row], schema: Any, guard: RowGuard | None) -> Any:
    """Return a table of *group*; a *guard* leaves out the rows that cannot be converted."""
    import pyarrow

    try:
        return pyarrow.Table.from_pylist(group, schema=schema)
    except Exception as error:
        if guard is None:
            raise
        if len(group) == 1:
            guard.leave_out(group[0], error)
            return schema.empty_table()
    return pyarrow.concat_tables([_make_table([row], schema, guard) for row in group])


def compute_checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all files of a release by path, but for what tells of them."""
    for part in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        os.scandir(part).close()  # `rglob` passes over what may not be read
    apart = {CHECKSUMS_FILE, *CERTIFICATE_FILES}
    files = (
        path
        for path in folder.rglob("*")
        if path.is_file() and not (path.parent == folder and path.name in apart)
    )
    return {path.relative_to(folder).as_posix(): _hash_file(path) for path in files}


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
