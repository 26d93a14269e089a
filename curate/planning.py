"""What is decided about a candidate before anything is locked or built."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from builders.interpreter import choose_python
from builders.model import Failure, Limits
from builders.requirements import Manifest, Sources, read_manifest
from builders.tree import GitTree
from curate.git.command import output
from curate.model import Candidate, Rejection
from curate.selection import Selection, adds_nothing, select
from curate.testpaths import PathRules
from recipes import EnvRecipe, Recipe, RecipeError


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is decided before anything is built."""

    candidate: Candidate
    recipe: Recipe
    env: EnvRecipe
    selection: Selection
    manifest: Manifest
    python: str
    date: datetime  # what the environment is made for


def make_plan(
    candidate: Candidate, recipe: Recipe, mirror: Path, pythons: Sequence[str]
) -> Plan | Rejection:
    """Decide environment range, tests, requirements and interpreter of *candidate*."""
    try:
        env = recipe.environment(candidate.version)
    except RecipeError as error:
        return Rejection(stage="recipe", reason="no-environment", detail=str(error))
    if env.skip:
        return Rejection(stage="recipe", reason="skipped", detail=env.skip)
    if adds_nothing(candidate.test_patch):
        return Rejection(stage="plan", reason="tests-only-removed")
    with GitTree(mirror, candidate.base_commit) as base:
        with GitTree(mirror, candidate.head_commit) as head:
            selection = select(recipe, candidate.test_patch, before=base.read, after=head.read)
        manifest = read_manifest(base, Sources(**env.requirements.model_dump()))
    if not selection:
        return Rejection(stage="plan", reason="no-runnable-tests")
    if isinstance(manifest, Failure):
        return rejection(manifest)
    date = environment_date(candidate, mirror)
    python = _python(env, manifest, date, pythons)
    if isinstance(python, Failure):
        return rejection(python)
    return Plan(
        candidate=candidate,
        recipe=recipe,
        env=env,
        selection=selection,
        manifest=manifest,
        python=python,
        date=date,
    )


def environment_date(candidate: Candidate, mirror: Path) -> datetime:
    """When the pull was opened, or when its base was committed if it was rebased later."""
    text = output(mirror, "show", "-s", "--format=%cI", candidate.base_commit).decode().strip()
    return max(candidate.created_at, datetime.fromisoformat(text))


def _python(
    env: EnvRecipe, manifest: Manifest, date: datetime, pythons: Sequence[str]
) -> str | Failure:
    if env.python:
        return env.python
    choice = choose_python(manifest, when=date, available=pythons)
    return choice if isinstance(choice, Failure) else choice.python


def path_rules(recipe: Recipe) -> PathRules:
    """What is a test and what is source in the repository of *recipe*."""
    return PathRules(tests=recipe.paths.tests, sources=recipe.paths.source)


def limits(env: EnvRecipe) -> Limits:
    """A recipe's ceilings in the sandbox's units."""
    chosen = env.limits
    return Limits(
        seconds=chosen.seconds,
        memory_bytes=int(chosen.memory_gib * 2**30),
        tmp_bytes=int(chosen.tmp_gib * 2**30),
        shm_bytes=chosen.shm_mib * 2**20,
        cpus=chosen.cpus,
        pids=chosen.pids,
    )


def rejection(failure: Failure) -> Rejection:
    """A builder's failure as a reason to reject."""
    return Rejection(stage=failure.stage, reason=failure.reason, detail=failure.detail)
