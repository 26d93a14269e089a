"""How many environments the candidates of a crawl ask for: `curate validate`'s plans, counted.

    python -m tests.benchmarks.sharing DATA --mirrors-dir FOLDER [--interpreters F] [--repo O/N]...

Nothing is locked or built. One lock serves all of a period of 60 days who declare the same for the
same interpreter, so what is counted is distinct pairs of lock key and system packages of the first
ground of each plan; beside it, as the least that any rule could give, those without the period.
A candidate that fails there may ask for a second environment (gold's requirements, or a lock of its
very date); locks that come out alike share one: both are left out.
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import mean

from curate.builders.errors import BuilderError
from curate.builders.lock.resolve import compute_lock_key
from curate.builders.python.choose import available_pythons
from curate.core.model import Rejection
from curate.environments.plan import ValidationPlan, plan_validation
from curate.recipes import RecipeLibrary
from curate.store import Store

TARGET = 0.3  # environments a candidate, at most


@dataclass
class Count:
    """Candidates of one repository, and what their plans ask for."""

    candidates: int = 0
    planned: int = 0
    environments: set[tuple[str, ...]] = field(default_factory=set)
    declared: set[tuple[str, ...]] = field(default_factory=set)  # the same, of all periods
    days: list[float] = field(default_factory=list)  # from cutoff to date
    fallen: Counter[str] = field(default_factory=Counter)

    def add(self, plan: ValidationPlan | Rejection) -> None:
        """Count one candidate's *plan*."""
        self.candidates += 1
        if isinstance(plan, Rejection):
            self.fallen[f"{plan.stage}/{plan.reason}"] += 1
            return
        self.planned += 1
        first = plan.variants[0]
        packages = sorted(plan.env.system_packages)
        lock = compute_lock_key(first.manifest, first.python, first.cutoff)
        self.environments.add((lock, *packages))
        self.declared.add((first.manifest.key, first.python, *packages))
        self.days.append((first.date - first.cutoff) / timedelta(days=1))


def main(arguments: list[str] | None = None) -> None:
    """Print a line a repository, and their sum."""
    options = _parser().parse_args(arguments)
    pythons = available_pythons(options.interpreters)
    print("\n## Environments a candidate\n")
    print(
        "| repository | candidates | planned | environments | per candidate"
        " | without periods | mean days | most days | not planned |"
    )
    print(f"|{' --- |' * 9}")
    counts = []
    with Store(options.data) as store:
        for repo in options.repo or store.list_repositories():
            counts.append(counted(store, repo, options.mirrors_dir, pythons))
            print(line(repo, counts[-1]), flush=True)
    planned = sum(count.planned for count in counts)
    made = sum(len(count.environments) for count in counts)
    print(line("all", summed(counts)))
    print(f"\n{made / max(planned, 1):.2f} environments per planned candidate (target: {TARGET})")


def counted(store: Store, repo: str, mirrors: Path, pythons: tuple[str, ...]) -> Count:
    """Plan every candidate of *repo*."""
    recipe = RecipeLibrary().get_recipe(repo)
    mirror = mirrors / f"{repo.replace('/', '__')}.git"
    count = Count()
    for candidate in store.iter_candidates(repo):
        try:
            count.add(plan_validation(candidate, recipe, mirror, pythons))
        except BuilderError as error:
            count.candidates += 1
            count.fallen[type(error).__name__] += 1
    return count


def summed(counts: Iterable[Count]) -> Count:
    """All of *counts* as one; repositories have no environment in common."""
    total = Count()
    for number, count in enumerate(counts):
        total.candidates += count.candidates
        total.planned += count.planned
        total.environments |= {(str(number), *key) for key in count.environments}
        total.declared |= {(str(number), *key) for key in count.declared}
        total.days += count.days
        total.fallen += count.fallen
    return total


def line(name: str, count: Count) -> str:
    """A line of the table."""
    ratio = len(count.environments) / max(count.planned, 1)
    fallen = ", ".join(f"{number} {why}" for why, number in count.fallen.most_common())
    days = count.days or [0.0]
    cells = [name, count.candidates, count.planned, len(count.environments), f"{ratio:.2f}"]
    cells += [len(count.declared), f"{mean(days):.0f}", f"{max(days):.1f}", fallen]
    return f"| {' | '.join(map(str, cells))} |"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sharing")
    parser.add_argument("data", type=Path)
    parser.add_argument("--mirrors-dir", required=True, type=Path)
    parser.add_argument("--interpreters", type=Path)
    parser.add_argument("--repo", action="append", default=[])
    return parser


if __name__ == "__main__":
    main()
