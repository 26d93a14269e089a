"""The crawl beside SWE-bench's own collector (PyPI `swebench`, unmodified), on the same pulls.

python -m tests.benchmarks.collector FOLDER --mirror '/mirrors/{name}/repo' --swebench PYTHON

PYTHON is the interpreter of an environment with `swebench`. Both sides ask the same double, which
answers every request after the same latency. Seconds leave out the start of the interpreter and
its imports; ours leave out the clone, which the collector does not need and the later stages do.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.derived_repositories import (
    MirroredRepository,
    add_arguments,
    load_repositories,
)
from tests.doubles.github.data import Repository, World
from tests.doubles.github.server import GitHubDouble

COLLECT = """
import sys, time
from swebench.collect import build_dataset, print_pulls
repo, folder = sys.argv[1:]
began = time.monotonic()
print_pulls.main(repo, f"{folder}/pulls.jsonl", token="token")
build_dataset.main(f"{folder}/pulls.jsonl", f"{folder}/instances.jsonl", token="token")
print(time.monotonic() - began)
"""


def main() -> None:
    """Run both and print requests, seconds and instances."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--swebench", required=True, help="python with swebench installed")
    parser.add_argument("--pulls", type=int, default=500)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds")
    options = parser.parse_args()
    ours = "github, curate.cli.app"
    warm = {options.swebench: "swebench.collect.build_dataset", sys.executable: ours}
    for python, modules in warm.items():
        subprocess.run([python, "-c", f"import {modules}"], env=environment(), check=True)
    for place in load_repositories(options.worlds, options.mirror):
        compare(place, options)


def compare(place: MirroredRepository, options: argparse.Namespace) -> None:
    """One repository, its newest merged pulls."""
    world = World(newest(place.data, options.pulls))
    found: dict[str, tuple[int, float, set[str]]] = {}
    for name in ("swebench", "curate"):
        with (
            GitHubDouble(
                world,
                latency=options.latency,
                budget=10**6,
                diff=lambda _, number: diff(place, number),
            ) as double,
            tempfile.TemporaryDirectory() as folder,
        ):
            if name == "swebench":
                seconds, ids = collected(options.swebench, place, double, Path(folder))
            else:
                seconds, ids = crawled(place, double, Path(folder))
            found[name] = len(double.requests), seconds, ids
            print(
                f"{place.repo} {name:9} {len(double.requests):>6} requests {seconds:>7.1f} s"
                f" {len(ids):>5} instances",
                flush=True,
            )
    theirs, ours = found["swebench"], found["curate"]
    print(
        f"{place.repo}: {theirs[0] / ours[0]:.0f} times fewer requests,"
        f" {theirs[1] / ours[1]:.1f} times faster; instances of both {len(theirs[2] & ours[2])},"
        f" only theirs {len(theirs[2] - ours[2])}, only ours {len(ours[2] - theirs[2])}"
    )


def environment() -> dict[str, str]:
    """The environment, in which byte code is kept."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def newest(data: Repository, count: int) -> Repository:
    """The repository with its last *count* pulls by creation."""
    pulls = sorted(data.pulls.values(), key=lambda it: it["createdAt"])[-count:]
    return Repository(
        facts=data.facts, pulls={it["number"]: it for it in pulls}, issues=data.issues
    )


def diff(place: MirroredRepository, number: int) -> bytes:
    """What GitHub serves as a pull's `.diff`."""
    pull = place.data.pulls[number]
    span = f"{pull['baseRefOid']}...{pull['headRefOid']}"
    command = ["git", f"--git-dir={place.mirror}", "diff", span]
    return subprocess.run(command, capture_output=True, check=False).stdout


def collected(
    python: str, place: MirroredRepository, double: GitHubDouble, folder: Path
) -> tuple[float, set[str]]:
    """Seconds and instances (with tests) of the peer."""
    done = subprocess.run(
        [python, "-c", COLLECT, place.repo, str(folder)],
        env=environment() | {"GH_HOST": double.url, "GITHUB_TOKEN": "token"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    lines = (folder / "instances.jsonl").read_text().splitlines()
    return float(done.stdout.split()[-1]), {json.loads(it)["instance_id"] for it in lines}


def crawled(
    place: MirroredRepository, double: GitHubDouble, folder: Path
) -> tuple[float, set[str]]:
    """Seconds and candidates of ours, by the command line."""
    curate = [sys.executable, "-m", "curate", "--data-dir", str(folder / "data")]
    done = subprocess.run(
        [*curate, "crawl", place.repo, "--json", "--mirror", str(place.mirror.resolve())],
        env=environment() | {"CURATE_GITHUB_API_URL": double.url, "GITHUB_TOKEN": "token"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    seconds = json.loads(done.stdout)[place.repo]["seconds"]
    rows = subprocess.run(
        [*curate, "export", "--split", "raw", "-"], capture_output=True, check=True, text=True
    ).stdout
    return seconds, {json.loads(it)["instance_id"] for it in rows.splitlines()}


if __name__ == "__main__":
    main()
