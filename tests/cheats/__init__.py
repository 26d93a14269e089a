"""Candidates that grading must not fall for, and odd ones that mean well: one table.

A cheat earns 0, except where it says that nothing guards against it (`guarded=False`). What *bites*
would earn 1 if its patch were only applied.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from curate.builders.backends.protocol import Backend
from curate.builders.model import BuiltInstance, RunSpec
from curate.harness.grade import Grade, grade_patch, make_grade
from tests.cheats.candidate import Candidate, Cheat, Honest
from tests.cheats.honest import CASES as HONEST
from tests.cheats.inside import CASES as INSIDE
from tests.cheats.patch_shapes import CASES as PATCH_SHAPES
from tests.cheats.pytest_parts import CASES as PYTEST_PARTS
from tests.cheats.sample import make_task
from tests.cheats.settings import CASES as SETTINGS
from tests.cheats.shadowing import CASES as SHADOWING
from tests.cheats.tampering import CASES as TAMPERING

CHEATS: tuple[Cheat, ...] = (
    *TAMPERING,
    *SETTINGS,
    *SHADOWING,
    *PATCH_SHAPES,
    *INSIDE,
    *PYTEST_PARTS,
)


def cheats_for(backend: str) -> list[Cheat]:
    """Those that hold for *backend*."""
    return [it for it in CHEATS if it.only in ("", backend)]


def one_for_each_guard(cheats: Sequence[Cheat]) -> list[Cheat]:
    """The first cheat against each guard, and all against which there is none."""
    first = {it.guard: it for it in cheats[::-1] if it.guarded and not it.is_slow}
    return [it for it in cheats if not it.guarded or it is first.get(it.guard)]


def as_parameters(candidates: Collection[Candidate], quick: Collection[Candidate]) -> list[Any]:
    """Parameters of a test; those that are not *quick* are heavy."""
    heavy = pytest.mark.heavy
    return [pytest.param(it, id=it.name, marks=() if it in quick else heavy) for it in candidates]


def grade(candidate: Candidate, checkout: Path, built: BuiltInstance, backend: Backend) -> Grade:
    """Grade *candidate* in *built*, whose checkout is as the one here."""
    patch = candidate.make_patch(checkout)
    is_gold = isinstance(candidate, Honest) and candidate.is_gold
    return grade_patch(make_task(checkout, patch if is_gold else b""), built, patch, backend)


def run_unguarded(cheat: Cheat, checkout: Path, built: BuiltInstance, backend: Backend) -> Grade:
    """Grade *cheat* by a run for which its patch is only applied."""
    task, patch = make_task(checkout), cheat.make_patch(checkout)
    patches = (patch, task.test_patch)
    spec = RunSpec(command=task.test_command, patches=patches, limits=task.limits)
    return make_grade(task, patch, backend.run_tests(built, spec))


__all__ = [
    "CHEATS",
    "HONEST",
    "Candidate",
    "Cheat",
    "Honest",
    "as_parameters",
    "cheats_for",
    "grade",
    "one_for_each_guard",
    "run_unguarded",
]
