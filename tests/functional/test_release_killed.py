"""A release whose writer is killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from curate.publish.check import check_release_folder
from curate.publish.filters.config import ReleaseFilters
from tests.helpers.releases import good, released

DIE = """
import os, pathlib, sys
from curate.publish import release
from tests.helpers.releases import good, released
rename = pathlib.Path.rename
paths = pathlib.Path(sys.argv[1]).glob("*/train-*")
old = {path.parent.name: path.read_bytes() for path in paths}
def write_parquet(path, *_, strings):  # it takes seconds to import
    for it in (path, strings):
        it.write_bytes(old[it.parent.name])
release.write_parquet = write_parquet
def die(path, target):
    done = rename(path, target)
    if sys.argv[2] == "between":
        os.kill(os.getpid(), 9)
    return done
pathlib.Path.rename = die
if sys.argv[2] == "behind":
    import shutil
    shutil.rmtree = lambda *a, **k: os.kill(os.getpid(), 9) if str(a[0]).endswith("old") else None
released(pathlib.Path(sys.argv[1]), good(9))
"""


@pytest.mark.parametrize("moment", ["between", "behind"])
def test_a_killed_process_leaves_nothing_for_ever(tmp_path: Path, moment: str) -> None:
    folder = released(tmp_path / "r", good(7))
    killed = subprocess.run(
        [sys.executable, "-c", DIE, folder, moment],
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert killed.returncode == -9
    assert len(list(tmp_path.iterdir())) > 1 or moment == "between"
    (tmp_path / ".r.1.old").mkdir()  # of a process that runs: not ours to clear
    with pytest.raises(Exception, match="twice"):
        released(folder, good(8), good(8))
    assert (
        check_release_folder(folder, ReleaseFilters()) == []
    )  # the release that was moved away is back
    released(folder, good(8))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".r.1.old", "r"]
