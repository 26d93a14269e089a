"""What steps, snapshots, forks and resets cost beside the engine's own commands, in one run.

    python -m tests.benchmarks.gym [ID] [--sandbox docker|local] [--many N]

The store (settings as for curate) has validated instances; without ID, that with the largest image
is taken. Beside each figure is that of `docker exec`, `docker run` or `docker commit` on the same
image. The exit code is 1 if a target is missed.
"""

import argparse
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import docker

from curate import gym
from curate.core.settings import Settings, read_settings
from curate.gym.make import open_dataset

CHANGE = "echo line >> changed; python -c 'import json' ; touch /tmp/$RANDOM"
MANY_CHANGES = "rm -rf many; mkdir many; for i in $(seq 1000); do echo $i > many/$i; done"


@dataclass(frozen=True, kw_only=True)
class Row:
    """Milliseconds of one operation, and of what the engine has for the same."""

    name: str
    times: Sequence[float]
    beside: str = ""
    others: Sequence[float] = ()
    median_target: float = 0.0  # 0 = none
    worst_target: float = 0.0
    ratio_target: float = 0.0

    @property
    def ratio(self) -> float:
        return statistics.median(self.others) / statistics.median(self.times) if self.others else 0

    @property
    def is_missed(self) -> bool:
        return (
            0 < self.median_target < statistics.median(self.times)
            or 0 < self.worst_target < max(self.times)
            or self.ratio < self.ratio_target
        )

    def __str__(self) -> str:
        text = f"{self.name:34} {statistics.median(self.times):8.2f} {max(self.times):8.2f}"
        if self.others:
            text += f"   {self.beside} {statistics.median(self.others):.0f} ms: {self.ratio:.0f} x"
        return f"{text}{'   MISSED' if self.is_missed else ''}"


def measure(action: Callable[[], object], count: int, between: Callable[[], object]) -> list[float]:
    """Milliseconds of *action*, each time after *between*."""
    times = []
    for _ in range(count):
        between()
        started = time.perf_counter()
        action()
        times.append((time.perf_counter() - started) * 1e3)
    return times


def run_docker(*arguments: str) -> Callable[[], object]:
    """A call of the engine's own client."""
    return lambda: subprocess.run(["docker", *arguments], check=True, capture_output=True)


def nothing() -> None:
    """No preparation."""


@contextmanager
def plain_container(image: str) -> Iterator[str]:
    """A container of *image* as anybody would start it, for `docker exec` and `commit`."""
    client = docker.from_env()
    container = client.containers.run(
        image, ["sleep", "inf"], detach=True, entrypoint=[], init=True
    )
    try:
        yield str(container.id)
    finally:
        container.remove(force=True)
        client.images.remove("curate-benchmark:gym", force=True)


def measure_engine(image: str, count: int) -> dict[str, list[float]]:
    """Milliseconds of the engine's commands."""
    with plain_container(image) as name:
        return {
            "exec": measure(run_docker("exec", name, "true"), count, nothing),
            "commit": measure(
                run_docker("commit", name, "curate-benchmark:gym"),
                count,
                run_docker("exec", name, "sh", "-c", CHANGE),
            ),
            "run": measure(
                run_docker("run", "--rm", "--network", "none", image, "true"), count, nothing
            ),
        }


def measure_snapshots(
    env: gym.Environment, label: str, change: str, commit: Sequence[float], run: Sequence[float]
) -> Iterator[Row]:
    """Yield the figures of snapshots after the command *change*."""
    env.reset()
    names: list[str] = []
    times = measure(lambda: names.append(env.snapshot()), 40, lambda: env.step(change))
    yield Row(
        name=f"snapshot, {label}",
        times=times,
        beside="docker commit",
        others=commit,
        median_target=20,
        worst_target=50,
    )
    times = measure(lambda: env.restore(names[0]), 40, lambda: env.step(change))
    yield Row(
        name=f"restore, {label}",
        times=times,
        beside="docker run",
        others=run,
        median_target=20,
        worst_target=50,
    )


def measure_environment(env: gym.Environment, others: dict[str, list[float]]) -> Iterator[Row]:
    """Yield the figures of one environment."""
    exec_, commit, run = (others.get(name, []) for name in ("exec", "commit", "run"))
    env.reset()
    steps = measure(lambda: env.step("true"), 300, nothing)
    yield Row(
        name="step",
        times=steps,
        beside="docker exec",
        others=exec_,
        median_target=5,
        ratio_target=10 if exec_ else 0,
    )
    for label, change in (("few changes", CHANGE), ("1,000 files", MANY_CHANGES)):
        yield from measure_snapshots(env, label, change, commit, run)
    twins: list[gym.Environment] = []
    times = measure(lambda: twins.append(env.fork()), 10, lambda: time.sleep(2))
    yield Row(name="fork", times=times, beside="docker run", others=run, worst_target=150)
    for twin in twins:
        twin.close()
    times = measure(env.reset, 30, lambda: env.step(CHANGE))
    yield Row(name="reset", times=times, beside="docker run", others=run, median_target=150)


def measure_many(make: Callable[[], gym.Environment], count: int) -> float:
    """Seconds to open, step twenty times and close *count* environments at once."""

    def play() -> None:
        with make() as env:
            env.reset()
            for _ in range(20):
                env.step("echo x >> file")

    threads = [threading.Thread(target=play) for _ in range(count)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def find_largest(settings: Settings) -> str:
    """Return the instance with the largest image."""
    client = docker.from_env()
    with open_dataset("", "train", settings) as source:
        tasks = list(source.iter_tasks(source.ids))
    images = {it.instance_id: client.images.get(it.image_digest or it.image) for it in tasks}  # type: ignore[union-attr]
    return max(images, key=lambda name: images[name].attrs["Size"])


def main() -> int:
    """Print the table; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", nargs="?")
    parser.add_argument("--sandbox", default="docker")
    parser.add_argument("--many", type=int, default=50)
    options = parser.parse_args()
    settings = read_settings({})
    name = options.id or find_largest(settings)
    with gym.make(name, settings=settings, sandbox=options.sandbox) as env:
        _, info = env.reset()
        print(f"{name}, {options.sandbox}, {info['snapshot_method']} {info['snapshot_note']}")
        has_engine = options.sandbox == "docker"
        image = env.task.image_digest or env.task.image
        others = measure_engine(image, 15) if has_engine else {}
        print(f"{'milliseconds':34} {'median':>8} {'worst':>8}")
        rows = []
        for row in measure_environment(env, others):
            rows.append(row)
            print(row, flush=True)
    seconds = measure_many(
        lambda: gym.make(name, settings=settings, sandbox=options.sandbox), options.many
    )
    print(f"{options.many} environments opened, stepped and closed at once: {seconds:.1f} s")
    return int(any(row.is_missed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
