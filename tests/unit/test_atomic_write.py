"""What is not a regular file is not replaced by one."""

import os
from pathlib import Path

import pytest

from curate.builders.process.atomic_write import atomic_write


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_stays(tmp_path: Path, make: object) -> None:
    path = tmp_path / "target"
    assert callable(make)
    make(path)
    kind = path.stat().st_mode
    with pytest.raises(OSError, match="Not a regular file"), atomic_write(path):
        pass
    assert path.stat().st_mode == kind
    assert list(tmp_path.iterdir()) == [path]
