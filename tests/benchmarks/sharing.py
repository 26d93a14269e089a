"""How many environments the candidates of a crawl ask for: `curate validate`'s plans, counted.

    python -m tests.benchmarks.sharing DATA --mirrors-dir FOLDER [--interpreters F] [--repo O/N]...

Nothing is locked or built. One lock serves all who declare the same for the same interpreter, so
what is counted is distinct pairs of lock key and system packages of the first ground of each plan.
A candidate that fails there may ask for a second environment (gold's requirements, or a lock of its
very date); locks that come out alike share one: both are left out.
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

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
    fallen: Counter[str] = field(default_factory=Counter)

    def add(self, plan: ValidationPlan | Rejection) -> None:
        """Count one candidate's *plan*."""
        self.candidates += 1
        if isinstance(plan, Rejection):
            self.fallen[f"{plan.stage}/{plan.reason}"] += 1
            return
        self.planned += 1
        first = plan.variants[0]
        self.environments.add(
            (compute_lock_key(first.manifest, first.python), *sorted(plan.env.system_packages))
        )


def main(arguments: list[str] | None = None) -> None:
    """Print a line a repository, and their sum."""
    options = _parser().parse_args(arguments)
    pythons = available_pythons(options.python_install_dir)
    print("\n## Environments a candidate\n")
    print("| repository | candidates | planned | environments | per candidate | not planned |")
    print("| --- | --- | --- | --- | --- | --- |")
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
        total.fallen += count.fallen
    return total


def line(name: str, count: Count) -> str:
    """A line of the table."""
    ratio = len(count.environments) / max(count.planned, 1)
    fallen = ", ".join(f"{number} {why}" for why, number in count.fallen.most_common())
    cells = (name, count.candidates, count.planned, len(count.environments), f"{ratio:.2f}", fallen)
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
