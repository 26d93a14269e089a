"""What a sandbox costs beyond the tests' own time: `python -m tests.benchmarks.overhead [runs]`.

Runs one trivial test in containers, one at a time and two at a time, and as a measure of engine and
machine a bare container that is made, started, awaited and removed. The command's own time is taken
inside by its shell; what a run lasts beyond it is overhead. Needs CURATE_BASE_IMAGE.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker

from curate.builders.model import BuiltInstance, ResourceLimits, RunSpec, RunStatus
from curate.builders.sandbox.docker import ContainerOptions, make_create_options, run_in_container
from tests.helpers.containers import project_image, python_image

COMMAND = "date +%s.%N; python -m pytest -q; date +%s.%N"
LIMITS = ResourceLimits(seconds=300)


def sandboxed(client: docker.DockerClient, built: BuiltInstance) -> tuple[float, float]:
    """Seconds of one run, and of them the seconds of its command."""
    started = time.monotonic()
    result = run_in_container(client, built, RunSpec(command=COMMAND, limits=LIMITS))
    seconds = time.monotonic() - started
    assert result.status is RunStatus.COMPLETED, result
    lines = result.output.decode().split()
    return seconds, float(lines[-1]) - float(lines[0])


def bare(client: docker.DockerClient, built: BuiltInstance) -> tuple[float, float]:
    """Seconds of a container with the same limits that does nothing."""
    options = make_create_options(LIMITS, ContainerOptions()) | {"command": ["true"]}
    started = time.monotonic()
    container = client.containers.create(built.handle, **options)
    try:
        container.start()
        container.wait()
    finally:
        container.remove(force=True, v=True)
    return time.monotonic() - started, 0.0


Kind = Callable[[docker.DockerClient, BuiltInstance], tuple[float, float]]


def overheads(
    kind: Kind, client: docker.DockerClient, built: BuiltInstance, *, jobs: int, runs: int
) -> list[float]:
    """Overhead of each of *runs* runs, *jobs* at once."""
    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(lambda _: kind(client, built), range(runs)))
    return [whole - own for whole, own in found]


def table(client: docker.DockerClient, built: BuiltInstance, runs: int) -> None:
    """Print median and worst overhead, and the ratio to the bare container."""
    overheads(sandboxed, client, built, jobs=1, runs=1)  # what the engine reads for the first time
    for jobs in (1, 2):
        ours = overheads(sandboxed, client, built, jobs=jobs, runs=runs)
        least = overheads(bare, client, built, jobs=jobs, runs=runs)
        middle, reference = statistics.median(ours), statistics.median(least)
        print(
            f"{jobs} at once: {middle:.2f} s a run (worst {max(ours):.2f}),"
            f" bare container {reference:.2f} s (worst {max(least):.2f}),"
            f" ratio {middle / reference:.2f}"
        )


def main(arguments: Sequence[str]) -> None:
    """Make the images, print the table."""
    client = docker.from_env(timeout=120)
    files = {"test_x.py": "def test_a(): pass\n"}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with (
            python_image(client, place / "context") as image,
            project_image(client, image, place / "testbed", files) as built,
        ):
            table(client, built, int(arguments[0]) if arguments else 12)


if __name__ == "__main__":
    main(sys.argv[1:])
