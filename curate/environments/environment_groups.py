"""Which candidates share an environment, so that one worker builds it and the others use it."""

from collections.abc import Sequence
from pathlib import Path

from curate.builders.lock.resolve import compute_lock_key
from curate.core.model import Candidate, Rejection
from curate.environments.plan import plan_validation
from curate.recipes import Recipe


class EnvironmentGroups:
    """Groups of candidates that have the same first lock, or one of their first locks in common.

    A candidate belongs to the first group that it shares a lock with.
    """

    def __init__(self, pythons: Sequence[str]) -> None:
        self._pythons = pythons
        self._groups: dict[str, str] = {}  # lock key -> group

    def find_group(self, candidate: Candidate, recipe: Recipe, mirror: Path) -> str:
        """Return the group of *candidate*; its repository if it has no environment."""
        plan = plan_validation(candidate, recipe, mirror, self._pythons)
        if isinstance(plan, Rejection):
            return candidate.repo
        keys = [compute_lock_key(it.manifest, it.python, it.cutoff) for it in plan.variants]
        group = next((self._groups[it] for it in keys if it in self._groups), keys[0])
        for key in keys:
            self._groups.setdefault(key, group)
        return group
