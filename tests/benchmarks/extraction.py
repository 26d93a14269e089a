"""How fast stored pulls become candidates, against one `git diff` process a pull.

    python -m tests.benchmarks.extraction STORE [OWNER/NAME=MIRROR ...]

STORE is the data folder of a finished crawl; it is copied, its decisions are dropped, and all of
them are made again from the stored pulls and issues, each repository in a process of its own.
The naive reference is what a script with GitPython does: merge-base and diff, a process each, for
a sample of the same pulls, in the same run. Wall time depends on what else the machine does, so
CPU-seconds (git's included) are printed too.
"""

import argparse
import contextlib
import json
import multiprocessing
import resource
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curate.crawl.candidates import PullAnalysis
from curate.crawl.decide import PullSource, RemoteLookups, decide_pulls
from curate.crawl.linked_issues import IssueAnswers
from curate.git.mirror import open_mirror
from curate.patches.file_kinds import FileClassifier
from curate.recipes import RecipeLibrary
from curate.store import Store

SAMPLE = 150  # pulls of the naive reference


def main() -> None:
    """Measure every repository and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("mirrors", nargs="+", metavar="OWNER/NAME=MIRROR")
    parser.add_argument("--sample", type=int, default=SAMPLE)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")  # peak memory of this repository alone
    if not options.json:
        print(f"{'repository':26}{'pulls':>7}{'made':>6}{'s':>7}{'/s':>7}{'CPU s':>7}", end="")
        print(f"{'/CPU s':>8}{'MB':>6}{'naive/s':>9}{'wall x':>8}{'CPU x':>7}")
    for given in options.mirrors_dir:
        repo, _, mirror = given.partition("=")
        with context.Pool(1) as pool:
            row = pool.apply(measured, (options.store, repo, Path(mirror), options.sample))
        print(json.dumps(row) if options.json else _line(row), flush=True)


def measured(source: Path, repo: str, mirror: Path, sample: int) -> dict[str, Any]:
    """Figures of one repository."""
    with tempfile.TemporaryDirectory() as folder:
        _undecided_copy(source, Path(folder))
        with Store(Path(folder)) as store:
            began, cpu = time.monotonic(), _cpu()
            results = _extract(store, repo, mirror)
            wall, cpu = time.monotonic() - began, _cpu() - cpu
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            git = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            pulls = results.total()
            naive_wall, naive_cpu, count = _naive(store, repo, mirror, sample)
    return {
        "repo": repo,
        "pulls": pulls,
        "candidates": results[""],
        "seconds": wall,
        "cpu_seconds": cpu,
        "peak_mb": peak,
        "largest_git_mb": git,
        "naive_per_second": count / naive_wall,
        "wall_ratio": (pulls / wall) / (count / naive_wall),
        "cpu_ratio": (pulls / cpu) / (count / naive_cpu),
    }


def _extract(store: Store, repo: str, path: Path) -> Any:
    recipe = RecipeLibrary().get_recipe(repo)

    def ask(found: Sequence[PullAnalysis]) -> IssueAnswers:
        keys = {(link.repo, link.number) for survey in found for link in survey.links}
        return {key: it for key in keys if (it := store.get_issue(*key)) is not None}

    with open_mirror(path) as mirror:
        return decide_pulls(
            repo,
            store,
            PullSource(
                mirror=mirror,
                classifier=FileClassifier(tests=recipe.paths.tests, sources=recipe.paths.source),
            ),
            RemoteLookups(resolve_issues=ask),
        )


def _undecided_copy(source: Path, folder: Path) -> None:
    shutil.copy(source / "curate.sqlite", folder)
    with sqlite3.connect(folder / "curate.sqlite") as database:
        database.execute("DELETE FROM decisions")
        database.execute("DELETE FROM candidates")
    database.close()


def _naive(store: Store, repo: str, path: Path, sample: int) -> tuple[float, float, int]:
    """Wall and CPU seconds of one `git diff base...head` a pull, and of how many."""
    import git

    pulls = list(store.iter_pulls(repo))
    chosen = pulls[:: max(1, len(pulls) // sample)]
    repository = git.Repo(path)
    repository.git.update_environment(GIT_DIR=str(path), GIT_CONFIG_NOSYSTEM="1")
    began, cpu, done = time.monotonic(), _cpu(), 0
    for pull in chosen:
        with contextlib.suppress(git.GitCommandError):  # objects the mirror lacks
            repository.git.diff(f"{pull.base_commit}...{pull.head_commit}", "--binary")
            done += 1
    return time.monotonic() - began, _cpu() - cpu, done


def _cpu() -> float:
    """CPU-seconds of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _line(row: dict[str, Any]) -> str:
    pulls, wall, cpu = row["pulls"], row["seconds"], row["cpu_seconds"]
    return (
        f"{row['repo']:26}{pulls:7}{row['candidates']:6}{wall:7.2f}{pulls / wall:7.0f}"
        f"{cpu:7.2f}{pulls / cpu:8.0f}{row['peak_mb']:6.0f}{row['naive_per_second']:9.1f}"
        f"{row['wall_ratio']:8.1f}{row['cpu_ratio']:7.1f}"
    )


if __name__ == "__main__":
    main()
