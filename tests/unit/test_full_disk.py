"""A full disk in the words of those who meet it first."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from curate.builders.errors import BuilderError, DiskFullError
from curate.builders.git import checkout
from curate.builders.git.run import GitCommandError
from curate.builders.process.free_space import RESERVED_INODE_FRACTION, check_free_space
from curate.core.errors import StoreError
from curate.store.database import Database
from tests.helpers.fakes import fake


@pytest.mark.parametrize(("free", "kind"), [(4096, DiskFullError), (1 << 30, StoreError)])
def test_a_database_that_finds_no_room_for_its_index_is_on_a_full_disk(
    free: int, kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: fake(free=free))
    with pytest.raises(kind), database.transaction():
        raise sqlite3.OperationalError("disk I/O error")
    database.close()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"fatal: write error: No space left on device", DiskFullError),
        (b"fatal: no", GitCommandError),
    ],
)
def test_git(
    said: bytes, kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = fake(returncode=128, stderr=said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(BuilderError) as caught:
        checkout.has_all_files(tmp_path, "a" * 40)
    assert type(caught.value) is kind


def test_inodes_count_as_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = fake(f_files=10_000, f_favail=int(10_000 * RESERVED_INODE_FRACTION) - 1)
    monkeypatch.setattr("os.statvfs", lambda folder: few)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: fake(free=1 << 40))
    with pytest.raises(DiskFullError, match="inodes"):
        check_free_space(tmp_path, 1)
    few.f_favail += 1
    check_free_space(tmp_path, 1)
