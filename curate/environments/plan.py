"""What is decided about a candidate before anything is locked or built."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from builders.git.run import git_output
from builders.git.tree import GitTree
from builders.model import Failure, ResourceLimits
from builders.python.choose import PythonChoice, choose_python
from builders.requirements import Manifest, read_manifest
from builders.rfc3339 import parse_rfc3339
from curate.core.model import Candidate, Rejection
from curate.environments.test_selection import TestSelection, select_tests
from curate.git.declared import FileVersionResolver
from curate.git.mirror import Mirror
from curate.git.versions import TagVersionResolver, VersionResolver
from curate.patches.file_kinds import FileClassifier
from recipes import EnvRecipe, Recipe, RecipeError, normalize_architecture


@dataclass(frozen=True, kw_only=True)
class RequirementsVariant:
    """Declared requirements to make an environment of, and the interpreter they ask for."""

    requirements_from: str  # "base", or "gold" for what is declared after the gold patch
    manifest: Manifest
    python: str  # "3.9"
    reason: str = ""  # why this interpreter
    date: datetime  # what the environment is made for


@dataclass(frozen=True, kw_only=True)
class ValidationPlan:
    """All that is decided before anything is built."""

    candidate: Candidate
    recipe: Recipe
    env: EnvRecipe
    selection: TestSelection
    variants: tuple[RequirementsVariant, ...]  # at least one, in the order in which they are tried
    use_ci_env: bool = False  # whether tests get the variables of the project's CI, too

    @property
    def env_vars(self) -> Mapping[str, str]:
        """Variables of the tests."""
        return self.env.env_vars | (self.env.ci_env_vars if self.use_ci_env else {})


def plan_validation(
    candidate: Candidate, recipe: Recipe, mirror: Path, pythons: Sequence[str]
) -> ValidationPlan | Rejection:
    """Decide environment range, tests, requirements and interpreter of *candidate*."""
    try:
        env = recipe.environment_for(candidate.version)
    except RecipeError as error:
        return Rejection(stage="recipe", reason="no-environment", detail=str(error))
    if env.skip:
        return Rejection(stage="recipe", reason="skipped", detail=env.skip)
    if env.architectures and current_architecture() not in env.architectures:
        detail = f"made for {', '.join(env.architectures)}, not for {current_architecture()}"
        return Rejection(stage="recipe", reason="architecture", detail=detail)
    with (
        GitTree(mirror, candidate.base_commit) as base_tree_reader,
        GitTree(mirror, candidate.head_commit) as head,
    ):
        selection = select_tests(
            recipe, candidate.test_patch, before=base_tree_reader.read, after=head.read
        )
        sources = env.requirements
        trees = {"base": base_tree_reader, "gold": head}
        manifests = {source: read_manifest(tree, sources) for source, tree in trees.items()}
    if not selection:
        return Rejection(stage="plan", reason="no-runnable-tests")
    variants = _build_variants(manifests, _environment_dates(candidate, mirror), env, pythons)
    if isinstance(variants, Failure):
        return rejection_from_failure(variants)
    return ValidationPlan(
        candidate=candidate,
        recipe=recipe,
        env=env,
        selection=selection,
        variants=variants,
    )


def current_architecture() -> str:
    """What recipes call the architecture of this machine."""
    return normalize_architecture(platform.machine())


def _build_variants(
    manifests: Mapping[str, Manifest | Failure],
    dates: Mapping[str, datetime],
    env: EnvRecipe,
    pythons: Sequence[str],
) -> tuple[RequirementsVariant, ...] | Failure:
    """What can be built upon: the base's requirements, then gold's where it changes them.

    Code that asks for a newer library may only work with that; but where the older one does, it
    comes first, for with the newer one tests fail before the fix that have nothing to do with it.
    """
    candidates = [
        make_variant(source, manifests[source], date, env, pythons)
        for source, date in dates.items()
    ]
    variants = [variant for variant in candidates if isinstance(variant, RequirementsVariant)]
    if not variants:
        return next(failure for failure in candidates if isinstance(failure, Failure))
    distinct: dict[tuple[str, str], RequirementsVariant] = {}
    for variant in variants:
        distinct.setdefault((variant.python, variant.manifest.key), variant)
    return tuple(distinct.values())


def make_variant(
    source: str,
    manifest: Manifest | Failure,
    date: datetime,
    env: EnvRecipe,
    pythons: Sequence[str],
) -> RequirementsVariant | Failure:
    """*manifest* with the interpreter it gets at *date*."""
    if isinstance(manifest, Failure):
        return manifest
    python = _select_python(env, manifest, date, pythons)
    if isinstance(python, Failure):
        return python
    return RequirementsVariant(
        requirements_from=source,
        manifest=manifest,
        python=python.python,
        reason=python.reason,
        date=date,
    )


def _environment_dates(candidate: Candidate, mirror: Path) -> Mapping[str, datetime]:
    """What environments are made for: the day the pull was opened, or a later one of its commits.

    The base may have been committed later, where the pull was rebased; gold's requirements are of
    the day of its last commit.
    """
    base = max(candidate.created_at, _commit_date(mirror, candidate.base_commit))
    return {"base": base, "gold": max(base, _commit_date(mirror, candidate.head_commit))}


def _commit_date(mirror: Path, commit: str) -> datetime:
    # Not `show -s`: of a merge it reads files, which a partial mirror may lack.
    text = git_output(mirror, "log", "-1", "--format=%cI", commit).decode().strip()
    return parse_rfc3339(text)


def _select_python(
    env: EnvRecipe, manifest: Manifest, date: datetime, pythons: Sequence[str]
) -> PythonChoice | Failure:
    if env.python:
        return PythonChoice(python=env.python, reason="the recipe says so")
    return choose_python(manifest, as_of=date, available=pythons)


def make_classifier(recipe: Recipe) -> FileClassifier:
    """What is a test and what is source in the repository of *recipe*."""
    return FileClassifier(tests=recipe.paths.tests, sources=recipe.paths.source)


def make_version_resolver(recipe: Recipe, mirror: Mirror) -> VersionResolver:
    """What names the version of a commit in the repository of *recipe*."""
    rule = recipe.version
    if rule.rule == "file":
        return FileVersionResolver(mirror, rule.file, rule.pattern)
    return TagVersionResolver(mirror)


def resource_limits(env: EnvRecipe) -> ResourceLimits:
    """A recipe's ceilings in the sandbox's units."""
    recipe_limits = env.limits
    return ResourceLimits(
        seconds=recipe_limits.seconds,
        memory_bytes=int(recipe_limits.memory_gib * 2**30),
        tmp_bytes=int(recipe_limits.tmp_gib * 2**30),
        shm_bytes=recipe_limits.shm_mib * 2**20,
        cpus=recipe_limits.cpus,
        pids=recipe_limits.pids,
    )


def rejection_from_failure(failure: Failure) -> Rejection:
    """A builder's failure as a reason to reject."""
    return Rejection(stage=failure.stage, reason=failure.reason, detail=failure.detail)
