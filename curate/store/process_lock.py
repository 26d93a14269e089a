"""A claim on a data folder: some work is for one process at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.core.errors import StoreError


@contextmanager
def claimed(folder: Path, purpose: str) -> Iterator[None]:
    """Be the only process that does *purpose* in *folder*; StoreError if another does.

    The claim ends with the process, however that ends.
    """
    with (folder / f"{purpose}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"Another curate does {purpose} in {folder}.",
                hint="Wait for it to end, or choose another --data folder.",
            ) from error
        yield
