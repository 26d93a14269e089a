"""Which tests are selected for known rows, and what that costs: by file names alone, and as now.

    python -m tests.benchmarks.selections MIRRORS IDS... [--verbose]
    python -m tests.benchmarks.selections MIRRORS OWNER/NAME... [--commits 100] [--seed 0]

MIRRORS is a folder of bare repositories, `owner+name/repo` or `owner__name.git`. IDS are files: one
instance id a line, or JSON objects with `instance_id` and `base_commit`. For a repository, first
parents that change tests and other files are drawn by seed. The patch of an id is that of the
pull request's head against its merge base with the row's base, else that of the commit whose
subject ends with the number. A row whose selection by usual names of test modules is not empty must
keep it, unless pytest's configuration names more of the changed files; every change is printed.
"""

import argparse
import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from curate.builders.git.tree import GitTree
from curate.core.model import Rejection
from curate.environments.data_selection import select_data_tests
from curate.environments.pytest_ini import PytestFiles
from curate.environments.recipe_values import make_classifier
from curate.environments.test_selection import TestSelection, select_tests
from curate.patches.parse import split_files, split_gold_and_test
from curate.recipes import Recipe, RecipeLibrary


def main() -> None:
    """Compare the selections of all rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("ids", nargs="+")
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    library, files = RecipeLibrary(), [Path(it) for it in options.ids if Path(it).exists()]
    if files:
        _compare_rows(library, options.mirrors, _read_ids(files), options.verbose)
    for repo in (it for it in options.ids if not Path(it).exists()):
        _compare_drawn(library.get_recipe(repo), options)


def _compare_drawn(recipe: Recipe, options: argparse.Namespace) -> None:
    """Compare the selections of commits drawn from the first parents of the default branch."""
    mirror, seconds = _find_mirror(options.mirrors, recipe.repo), [0.0, 0.0]
    assert mirror, f"no mirror of {recipe.repo}"
    commits = _git(mirror, "rev-list", "--first-parent", "HEAD").decode().split()[:-1]
    random.Random(options.seed).shuffle(commits)
    counts, is_test = Counter[str](), make_classifier(recipe).is_test
    for commit in commits:
        names = _git(mirror, "diff", "--no-renames", "--name-only", f"{commit}^", commit).decode()
        if {is_test(it) for it in names.splitlines()} != {True, False}:
            continue
        outcome, detail = _compare(recipe, mirror, (f"{commit}^", commit), seconds)
        kind = f"{outcome} {detail}" if detail.startswith("no-") else outcome
        counts[kind] += 1
        if outcome != "same" or options.verbose or kind != outcome:
            print(f"{commit[:10]}: {outcome} {detail}", flush=True)
        if counts.total() == options.commits:
            break
    means = [1000 * it / max(counts.total(), 1) for it in seconds]
    print(f"{recipe.repo}: {dict(counts)}, ms by names and now: {means[0]:.1f}, {means[1]:.1f}")


def _compare_rows(
    library: RecipeLibrary, mirrors: Path, rows: Mapping[str, str], verbose: bool
) -> None:
    counts, seconds = Counter[str](), [0.0, 0.0]
    for name, base in rows.items():
        repo, _, number = name.replace("__", "/", 1).rpartition("-")
        mirror = _find_mirror(mirrors, repo)
        pair = _find_pair(mirror, int(number), base) if mirror else None
        if mirror is None or pair is None:
            counts["without a mirror or commits"] += 1
            continue
        outcome, detail = _compare(library.get_recipe(repo), mirror, pair, seconds)
        counts[outcome] += 1
        if outcome != "same" or verbose:
            print(f"{name}: {outcome} {detail}", flush=True)
    print(dict(counts))
    total = sum(counts.values()) - counts["without a mirror or commits"]
    print(
        f"ms a row: {1000 * seconds[0] / total:.1f} by names, {1000 * seconds[1] / total:.1f} now"
    )


def _compare(
    recipe: Recipe, mirror: Path, pair: tuple[str, str], seconds: list[float]
) -> tuple[str, str]:
    classifier = make_classifier(recipe)
    diff = _git(mirror, "diff", "--binary", "--no-renames", *pair)
    _, test_patch = split_gold_and_test(split_files(diff), classifier.is_test)
    with GitTree(mirror, pair[0]) as base, GitTree(mirror, pair[1]) as head:
        started = time.perf_counter()
        plain = select_tests(recipe, test_patch, before=base.read, after=head.read)
        middle = time.perf_counter()
        files = PytestFiles(head)
        now: TestSelection | Rejection = select_tests(
            recipe, test_patch, before=base.read, after=head.read, pytest_files=files
        ) or select_data_tests(recipe, test_patch, head, classifier, files)
        seconds[0] += middle - started
        seconds[1] += time.perf_counter() - middle
    if isinstance(now, Rejection):
        return ("same" if not plain else "LOST"), now.reason
    if now == plain:
        return "same", ", ".join(now.files)
    return ("CHANGED" if plain else "new"), ", ".join(sorted({*now.files} - {*plain.files}))


def _read_ids(paths: list[Path]) -> dict[str, str]:
    """Return instance id -> base commit, "" if it is not known."""
    found: dict[str, str] = {}
    for line in (line for path in paths for line in path.read_text().splitlines() if line.strip()):
        if line.startswith("{"):
            row = json.loads(line)
            found[row["instance_id"]] = row["base_commit"]
        else:
            found.setdefault(line.strip(), "")
    return found


def _find_mirror(folder: Path, repo: str) -> Path | None:
    names = (f"{repo.replace('/', '+')}/repo", f"{repo.replace('/', '__')}.git")
    return next((folder / name for name in names if (folder / name).exists()), None)


def _find_pair(mirror: Path, number: int, base: str) -> tuple[str, str] | None:
    """Return the commits between which the pull request's changes lie."""
    head = _git(mirror, "rev-parse", "-q", "--verify", f"refs/pull/{number}/head").decode().strip()
    if head:
        start = _git(mirror, "merge-base", base or "HEAD", head).decode().strip()
        if start and start != head:
            return start, head
    grep = ("log", "--all", "-1", "--format=%H %P", f"--grep=(#{number})$")
    words = _git(mirror, *grep).decode().split()
    return (words[1], words[0]) if len(words) > 1 else None


def _git(mirror: Path, *arguments: str) -> bytes:
    command = ["git", f"--git-dir={mirror}", *arguments]
    return subprocess.run(command, capture_output=True, check=False).stdout


if __name__ == "__main__":
    main()
