"""A real Slurm of two nodes on this machine, as .ci/slurm sets it up."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")

requires_slurm = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, PROGRAMS)),
    reason="needs root and Slurm, which .ci/slurm installs",
)


@contextmanager
def running_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Start Slurm with its files in *folder*; yield the variables that its commands need."""
    script = str(ROOT / ".ci" / "slurm")
    done = subprocess.run([script, str(folder)], capture_output=True, text=True, check=True)
    name, _, value = done.stdout.strip().removeprefix("export ").partition("=")
    try:
        yield {**os.environ, name: value}
    finally:
        subprocess.run([script, str(folder), "stop"], check=True)


def submit(script: Path, *arguments: str, variables: dict[str, str]) -> str:
    """Submit a batch script; return the number of the job."""
    command = ["sbatch", "--parsable", str(script), *arguments]
    done = subprocess.run(
        command, env=variables, cwd=script.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_until_done(job: str, variables: dict[str, str], *, seconds: float) -> None:
    """Wait until no task of *job* is queued or running."""
    deadline = time.monotonic() + seconds
    while list_tasks(job, variables):
        assert time.monotonic() < deadline, f"tasks of job {job} still run"
        time.sleep(1)


def list_tasks(job: str, variables: dict[str, str], *, state: str = "all") -> list[str]:
    """Return the tasks of *job* in *state* as `JOB_TASK`."""
    command = ["squeue", "--noheader", "--array", f"--jobs={job}", f"--states={state}"]
    done = subprocess.run(
        [*command, "--format=%i %T"], env=variables, capture_output=True, text=True, check=False
    )
    ended = ("COMPLETED", "FAILED", "CANCELLED")
    rows = [line.split() for line in done.stdout.splitlines()]
    return [row[0] for row in rows if state != "all" or row[1] not in ended]
