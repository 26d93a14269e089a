"""What grading costs beside SWE-bench's harness and beside a bare `docker run` of the same tests.

    python -m tests.benchmarks.grading RELEASE [--swebench PATH] [-j N]

RELEASE is a release directory whose images are on this machine. In one run, with the gold patches:
each instance once bare (`docker run` that applies both patches and runs the test command) and once
graded, one after the other; then all of them by `swebench eval` and by `curate evaluate`, with the
same number of workers. The exit code is 1 if a verdict differs or a target is missed.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from curate.builders.model import CONTAINER_USER
from curate.core.settings import read_settings
from curate.core.task import Task
from curate.environments.context import open_backend
from curate.environments.task_instance import prepare_instance
from curate.environments.tasks import InvalidTask, open_tasks
from curate.harness.grade import grade_patch
from curate.store import Store

MAX_OVERHEAD = 0.6  # seconds an instance, median, beyond a bare run
MAX_SHARE = 0.1  # of SWE-bench's time, where the tests take less than a second
MAX_ADDED = 1.0  # seconds an instance beyond the tests' own time, where they take longer
QUICK = 1.0  # seconds of the tests of an instance


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds of one instance."""

    name: str
    bare: float
    graded: float
    resolved: bool

    @property
    def overhead(self) -> float:
        """Seconds that grading adds to a bare run."""
        return self.graded - self.bare


def main() -> int:
    """Print both tables; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path)
    parser.add_argument("--swebench", default=os.environ.get("CURATE_SWEBENCH", "swebench"))
    parser.add_argument("-j", "--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-grading-") as folder:
        costs = measure_instances(options.release, Path(folder))
        print("| instance | bare run | graded | overhead |\n| --- | ---: | ---: | ---: |")
        for cost in costs:
            print(f"| {cost.name} | {cost.bare:.2f} | {cost.graded:.2f} | {cost.overhead:.2f} |")
        overhead = statistics.median(cost.overhead for cost in costs)
        print(f"\nmedian overhead {overhead:.2f} s (target {MAX_OVERHEAD} s)\n")
        theirs, their_ids = time_swebench(options, Path(folder))
        ours, our_ids = time_evaluate(options, Path(folder))
    own = sum(cost.bare for cost in costs) / options.jobs
    is_quick = all(cost.bare < 2 * QUICK for cost in costs)
    limit = MAX_SHARE * theirs if is_quick else own + MAX_ADDED * len(costs)
    print(f"swebench eval {theirs:.1f} s, curate evaluate {ours:.1f} s: {ours / theirs:.3f} of it")
    print(f"limit {limit:.1f} s; bare runs take {own:.1f} s with {options.jobs} workers")
    print(f"resolved: {len(our_ids)} of {len(costs)}, swebench {len(their_ids)}")
    return int(overhead > MAX_OVERHEAD or ours > limit or our_ids != their_ids)


def measure_instances(release: Path, folder: Path) -> list[Cost]:
    """Return the costs of each instance, one after the other."""
    settings = read_settings({"data_dir": folder / "single"})
    with Store(settings.data_dir) as store:
        backend = open_backend("docker", settings, store)
        source = open_tasks(str(release), settings, store)
        costs = []
        for task in source.iter_tasks(source.ids):
            assert not isinstance(task, InvalidTask)
            built = prepare_instance(task, backend)
            run_bare(task, built.handle, folder)  # the files of the image are read once before
            bare = run_bare(task, built.handle, folder)
            started = time.perf_counter()
            grade = grade_patch(task, built, task.gold, backend)
            graded = time.perf_counter() - started
            costs.append(
                Cost(name=task.instance_id, bare=bare, graded=graded, resolved=grade.resolved)
            )
        return costs


def run_bare(task: Task, image: str, folder: Path) -> float:
    """Run the tests of *task* with its gold patch by `docker run`; return the seconds."""
    inputs = folder / "inputs"
    inputs.mkdir(exist_ok=True)
    patches = [patch for patch in (task.gold, task.test_patch) if patch.strip()]
    for number, patch in enumerate(patches):
        (inputs / f"{number}.patch").write_bytes(patch)
    apply = [
        f"git -c safe.directory='*' apply /in/{number}.patch" for number in range(len(patches))
    ]
    script = " && ".join(["cd /testbed", *apply, f"{{ {task.test_command}; }}"])
    variables = [
        word for name, value in task.env_vars.items() for word in ("-e", f"{name}={value}")
    ]
    command = ["docker", "run", "--rm", "--network", "none", "--user", CONTAINER_USER]
    command += ["-e", "HOME=/tmp", "-v", f"{inputs}:/in:ro", *variables, image]
    started = time.perf_counter()
    subprocess.run([*command, "bash", "-c", script], capture_output=True, check=False)
    return time.perf_counter() - started


def time_swebench(options: argparse.Namespace, folder: Path) -> tuple[float, set[str]]:
    """Return seconds and resolved ids of `swebench eval`."""
    place = folder / "swebench"
    place.mkdir()
    (rows,) = options.release.absolute().glob("data/train-*.parquet")
    command = [options.swebench, "eval", str(rows), "--split", "train"]
    seconds = _time([*command, "-j", str(options.jobs), "--gold"], place, {})
    (report,) = place.glob("*.json")
    return seconds, set(json.loads(report.read_text())["resolved_ids"])


def time_evaluate(options: argparse.Namespace, folder: Path) -> tuple[float, set[str]]:
    """Return seconds and resolved ids of `curate evaluate`, as a process of its own."""
    data = folder / "evaluated"
    command = [sys.executable, "-m", "curate", "--data-dir", str(data), "evaluate", "gold"]
    command += ["--dataset", str(options.release.absolute()), "-j", str(options.jobs)]
    seconds = _time(command, folder, {"PYTHONPATH": str(Path.cwd())})
    report = json.loads((data / "evaluations/gold/gold/report.json").read_text())
    return seconds, set(report["resolved_ids"])


def _time(command: list[str], folder: Path, variables: Mapping[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)}: {done.stderr.decode()[-500:]}")
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
