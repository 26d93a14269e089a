"""Temporary folders of living and of killed processes."""

import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

from curate.builders.engine.buildkit import BuildClient, BuildRequest, run_build
from curate.builders.process.temp_dirs import remove_stale_temp_dirs, temp_dir

ROOT = Path(__file__).parents[2]
KILLED = """\
import os, signal, subprocess, sys
from pathlib import Path
from curate.builders.process.temp_dirs import TEMP_DIR_VARIABLE, temp_dir
with temp_dir(Path(sys.argv[1]), "build") as folder:
    (folder / "file").touch()
    child = subprocess.Popen(
        ["sleep", "60"],
        env={TEMP_DIR_VARIABLE: str(folder), "PATH": os.defpath},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    while TEMP_DIR_VARIABLE not in Path(f"/proc/{child.pid}/environ").read_text():
        pass  # it is not seen before it has begun
    print(child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def alive(pid: int) -> bool:
    """Whether there is such a process, and not only its remains."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_folder_ends_with_its_block(tmp_path: Path) -> None:
    with temp_dir(tmp_path / "new", "build") as folder:
        (folder / "x").mkdir()
    assert list((tmp_path / "new").iterdir()) == []


def test_what_somebody_works_in_is_left_alone(tmp_path: Path) -> None:
    with temp_dir(tmp_path, "build") as folder:
        remove_stale_temp_dirs(tmp_path, "build")
        assert folder.is_dir()


def test_what_a_killed_process_left_is_removed_and_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    pid = int(told.stdout)
    assert list(tmp_path.iterdir()) and alive(pid)
    (tmp_path / "curate-other-x").mkdir()
    remove_stale_temp_dirs(tmp_path, "build")
    assert [path.name for path in tmp_path.iterdir()] == ["curate-other-x"]
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def test_stable_folders_are_as_few_as_will_do_and_empty(tmp_path: Path) -> None:
    def place() -> AbstractContextManager[Path]:
        return temp_dir(tmp_path, "build", reuse_name=True)

    with place() as one, place() as two:
        assert one != two
        (one / "sub").mkdir()
        (one / "sub" / "file").touch()
    with place() as again:
        assert (again, list(again.iterdir())) == (one, [])
        remove_stale_temp_dirs(tmp_path, "build")
        assert again.is_dir()
    (one.parent / one.name).mkdir()
    (one / "left").touch()
    with place() as again:
        assert (again, list(again.iterdir())) == (one, [])


def test_clients_that_build_end_with_their_folder(tmp_path: Path) -> None:
    client = BuildClient(
        command=("sh", "-c", 'echo "[$CURATE_SCRATCH]"; echo "x: exit code: 1"; exit 1')
    )
    failure = run_build(
        client, BuildRequest(dockerfile="", context=tmp_path, temp_dir=tmp_path, tag="t:1")
    )
    assert failure is not None
    assert f"[{tmp_path}]" in failure.detail
