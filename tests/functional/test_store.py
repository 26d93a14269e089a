"""What a killed process leaves in a store."""

import os
import random
import subprocess
from pathlib import Path

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
