"""Look at what is stored here; nothing is made, changed or locked."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from curate.builders.git.run import hermetic_env
from curate.builders.process.free_space import measure_folder
from curate.core.errors import CurateError
from curate.core.settings import Settings
from curate.doctor.commands import ask_command
from curate.doctor.context import CheckContext
from curate.doctor.judgments.stored import (
    FolderFacts,
    MirrorFacts,
    StoreFacts,
    judge_folder,
    judge_mirrors,
    judge_settings,
    judge_store,
)
from curate.doctor.model import Check
from curate.publish.filters.config import read_filters
from curate.store.database import DATABASE_FILE, read_only_uri
from curate.store.migrations import OLDEST_FORMAT, check_format

_CHECKED_SECONDS = 4.0  # for the pages of the database
# What SQLite 3.40 says of whole tables without a row id; the columns are part of their keys.
_FALSE_ALARM = "NULL value in "
_STEPS = 10_000  # of SQLite between two looks at the clock
_INPUT_PATHS = (
    "recipes_dir",
    "python_install_dir",
    "signing_key",
    "verification_key",
    "docker_cli",
)


def check_settings(context: CheckContext) -> list[Check]:
    """Which settings differ from the defaults, and whether the files they name are there."""
    settings, defaults = context.settings, Settings()
    changed = [
        f"{name} = {value}"
        for name in Settings.model_fields
        if (value := getattr(settings, name)) != getattr(defaults, name)
    ]
    problems = [
        f"{name} = {value} does not exist"
        for name in _INPUT_PATHS
        if (value := getattr(settings, name)) and not Path(value).exists()
    ]
    try:
        read_filters(settings.release_filters)
    except (CurateError, OSError) as error:
        problems.append(str(error))
    return [judge_settings(changed, problems)]


def check_folder(context: CheckContext) -> list[Check]:
    """The data directory."""
    path = context.settings.data_dir
    existing = next(it for it in (path, *path.absolute().parents) if os.path.lexists(it))
    is_effective = os.access in os.supports_effective_ids
    facts = FolderFacts(
        path=str(path),
        exists=os.path.lexists(path),
        is_directory=path.is_dir(),
        is_writable=os.access(existing, os.W_OK | os.X_OK, effective_ids=is_effective),
    )
    return [judge_folder(facts)]


def check_store(context: CheckContext) -> list[Check]:
    """The database: format, pages, unfinished work."""
    return [judge_store(read_store(context.settings.data_dir))]


def read_store(folder: Path) -> StoreFacts:
    """Read the database of *folder* without changing it."""
    file = folder / DATABASE_FILE
    if not file.exists():
        return StoreFacts()
    try:
        with closing(sqlite3.connect(read_only_uri(folder), uri=True, timeout=2)) as database:
            check_format(database, oldest=OLDEST_FORMAT)
            return _read_database(database, file.stat().st_size)
    except CurateError as error:
        return StoreFacts(exists=True, fault=str(error), hint=error.hint)
    except sqlite3.OperationalError as error:
        hint = "Check who may read there, and wait for other processes of curate."
        return StoreFacts(exists=True, fault=f"it cannot be opened: {error}", hint=hint)
    except sqlite3.DatabaseError as error:
        hint = "Restore it from a backup, or choose another directory with --data-dir."
        return StoreFacts(exists=True, fault=f"it is damaged: {error}", hint=hint)


def _read_database(database: sqlite3.Connection, size: int) -> StoreFacts:
    damage = _check_pages(database)
    return StoreFacts(
        exists=True,
        format_version=_count(database, "PRAGMA user_version"),
        size_bytes=size,
        damage=damage or "",
        is_checked=damage is not None,
        unfinished=_count(database, "SELECT COUNT(DISTINCT instance_id) FROM unfinished"),
        candidates=_count(database, "SELECT COUNT(*) FROM candidates"),
        verified=_count(database, "SELECT COUNT(*) FROM validations WHERE stage IS NULL"),
    )


def _count(database: sqlite3.Connection, query: str) -> int:
    """Return the number that *query* gives; 0 where an older format has no such table."""
    try:
        return int(database.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def _check_pages(database: sqlite3.Connection) -> str | None:
    """Return what is wrong with the pages, "" if nothing is, None if that takes too long."""
    deadline = time.monotonic() + _CHECKED_SECONDS
    database.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        lines = [str(row[0]) for row in database.execute("PRAGMA quick_check(100)")]
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return None
        raise
    finally:
        database.set_progress_handler(None, 0)
    found = [line for line in lines if line != "ok" and not line.startswith(_FALSE_ALARM)]
    return found[0].splitlines()[-1] if found else ""


def check_mirrors(context: CheckContext) -> list[Check]:
    """The bare repositories: whether their branches lead to whole commits."""
    folder = context.settings.effective_mirrors_dir
    try:
        paths = sorted(it for it in folder.iterdir() if it.name.endswith(".git"))
    except FileNotFoundError:
        return [judge_mirrors(MirrorFacts())]
    except OSError as error:
        return [judge_mirrors(MirrorFacts(fault=f"{folder}: {error.strerror}"))]
    deadline = time.monotonic() + context.seconds_left - 2
    broken, partial, size, seen = [], [], 0, 0
    for path in _until(deadline, paths):
        seen += 1
        size += measure_folder(path.resolve())
        if not _has_whole_head(path, context.answer_seconds):
            broken.append(path.name)
        elif (path / "shallow").exists() or any((path / "objects/pack").glob("*.promisor")):
            partial.append(path.name)
    facts = MirrorFacts(
        count=len(paths),
        size_bytes=size,
        broken=broken,
        partial=partial,
        unseen=len(paths) - seen,
    )
    return [judge_mirrors(facts)]


def _until(deadline: float, paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if time.monotonic() > deadline:
            return
        yield path


def _has_whole_head(path: Path, seconds: float) -> bool:
    """Whether the default branch has a commit whose folders are all there."""
    command = ["git", f"--git-dir={path}", "ls-tree", "-r", "-d", "--name-only", "HEAD"]
    return ask_command(command, hermetic_env(), seconds).code == 0
