"""What other processes leave in a store, or do to it."""

import os
import random
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from curate.store import Store
from curate.store.blobs import MIN_FILE_BYTES


def test_what_a_killed_process_left_half_written_goes_with_the_next_blob(tmp_path: Path) -> None:
    store = Store(tmp_path)
    large = random.Random(1).randbytes(MIN_FILE_BYTES)
    store.blobs.put(large)
    folder = next(store.folder.rglob("*.zst")).parent
    next(folder.glob("*.zst")).unlink()
    gone = subprocess.Popen(["true"])
    gone.wait()
    for writer in (gone.pid, os.getpid()):
        (folder / f".{writer}.x.part").touch()
    store.blobs.put(large)
    assert [path.name for path in folder.glob("*.part")] == [f".{os.getpid()}.x.part"]


def test_a_new_store_waits_for_the_process_that_makes_it(tmp_path: Path) -> None:
    """Switching to WAL mode is the one thing for which SQLite does not wait by itself."""
    other = sqlite3.connect(tmp_path / "curate.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(lambda: Store(tmp_path).close())
        with pytest.raises(TimeoutError):
            opened.result(0.3)
        other.execute("COMMIT")
        opened.result(20)
    other.close()
