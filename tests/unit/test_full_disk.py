"""A full disk in the words of those who meet it first."""

import shutil
import sqlite3
import subprocess
from types import SimpleNamespace

import pytest

from builders.errors import BuilderError, DiskFull
from builders.git import checkout
from builders.git.run import GitFailed
from builders.process.free_space import RESERVE_INODES, watch_disk
from curate.core.errors import StoreError
from curate.store.database import Database


@pytest.mark.parametrize(("free", "kind"), [(4096, DiskFull), (1 << 30, StoreError)])
def test_a_database_that_finds_no_room_for_its_index_is_on_a_full_disk(
    free, kind, tmp_path, monkeypatch
):
    database = Database(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    with pytest.raises(kind), database.transaction():
        raise sqlite3.OperationalError("disk I/O error")
    database.close()


@pytest.mark.parametrize(
    ("said", "kind"),
    [(b"fatal: write error: No space left on device", DiskFull), (b"fatal: no", GitFailed)],
)
def test_git(said, kind, tmp_path, monkeypatch):
    done = SimpleNamespace(returncode=128, stderr=said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(BuilderError) as caught:
        checkout.is_whole(tmp_path, "a" * 40)
    assert type(caught.value) is kind


def test_inodes_count_as_room(tmp_path, monkeypatch):
    few = SimpleNamespace(f_files=10_000, f_favail=int(10_000 * RESERVE_INODES) - 1)
    monkeypatch.setattr("os.statvfs", lambda folder: few)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1 << 40))
    with pytest.raises(DiskFull, match="inodes"):
        watch_disk(tmp_path, 1)
    few.f_favail += 1
    watch_disk(tmp_path, 1)
