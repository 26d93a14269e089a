"""The validation plan of a candidate: everything decided before locking and building."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from curate.builders.git.run import git_output, run_git
from curate.builders.git.tree import GitTree
from curate.builders.model import Failure, ResourceLimits
from curate.builders.python.choose import PythonChoice, choose_python
from curate.builders.requirements import Manifest, read_manifest
from curate.builders.rfc3339 import parse_rfc3339
from curate.core.model import Candidate, Rejection
from curate.environments.data_selection import (
    may_change_data,
    select_data_tests,
    select_unread_data,
)
from curate.environments.pytest_ini import PytestFiles
from curate.environments.shared_cutoff import find_shared_cutoff
from curate.environments.test_selection import TestSelection, select_tests
from curate.git.declared import FileVersionResolver
from curate.git.mirror import Mirror
from curate.git.versions import TagVersionResolver, VersionResolver
from curate.patches.file_kinds import FileClassifier
from curate.recipes import EnvRecipe, Recipe, RecipeError, normalize_architecture


@dataclass(frozen=True, kw_only=True)
class RequirementsVariant:
    """One variant of the declared requirements, and the interpreter selected for it."""

    requirements_from: str  # "base", or "gold" for requirements after the gold patch
    manifest: Manifest
    python: str  # "3.9"
    reason: str = ""  # why this interpreter was selected
    date: datetime  # the environment reproduces this date
    cutoff: datetime  # of the first lock tried, which other candidates share; at most `date`


@dataclass(frozen=True, kw_only=True)
class ValidationPlan:
    """Everything decided before locking and building."""

    candidate: Candidate
    recipe: Recipe
    env: EnvRecipe
    selection: TestSelection
    variants: tuple[RequirementsVariant, ...]  # at least one, in the order of attempts
    use_ci_env: bool = False  # whether tests also get `ci_env_vars` of the recipe

    @property
    def env_vars(self) -> Mapping[str, str]:
        """Environment variables of the tests."""
        return self.env.env_vars | (self.env.ci_env_vars if self.use_ci_env else {})


def plan_validation(
    candidate: Candidate, recipe: Recipe, mirror: Path, pythons: Sequence[str]
) -> ValidationPlan | Rejection:
    """Select recipe range, tests, requirements and interpreter of *candidate*."""
    try:
        env = recipe.environment_for(candidate.version)
    except RecipeError as error:
        return Rejection(stage="recipe", reason="no-environment", detail=str(error))
    if env.skip:
        return Rejection(stage="recipe", reason="skipped", detail=env.skip)
    if env.architectures and current_architecture() not in env.architectures:
        supported = ", ".join(env.architectures)
        detail = f"the recipe supports {supported}, this machine is {current_architecture()}"
        return Rejection(stage="recipe", reason="architecture", detail=detail)
    head_commit = _find_head_commit(candidate, mirror)
    with (
        GitTree(mirror, candidate.base_commit) as base_tree,
        GitTree(mirror, head_commit) as head_tree,
    ):
        selection = _select(candidate, recipe, base_tree, head_tree)
        if isinstance(selection, Rejection):
            return selection
        trees = {"base": base_tree, "gold": head_tree}
        variants = _plan_variants(trees, candidate, mirror, env, pythons)
    if isinstance(variants, Failure):
        return rejection_from_failure(variants)
    return ValidationPlan(
        candidate=candidate,
        recipe=recipe,
        env=env,
        selection=selection,
        variants=variants,
    )


def _select(
    candidate: Candidate, recipe: Recipe, base_tree: GitTree, head_tree: GitTree
) -> TestSelection | Rejection:
    """Select the changed test modules; without any, the tests that read the changed files."""
    patch, files = candidate.test_patch, PytestFiles(head_tree)
    selection = select_tests(
        recipe, patch, before=base_tree.read, after=head_tree.read, pytest_files=files
    )
    return selection or select_data_tests(recipe, patch, head_tree, make_classifier(recipe), files)


def plan_unread_data(plan: ValidationPlan, mirror: Path) -> ValidationPlan | None:
    """Return *plan* for the tests of changed data that no changed test module reads, if any."""
    candidate, recipe = plan.candidate, plan.recipe
    is_by_data = bool(plan.selection.case_names or plan.selection.data_files)
    if is_by_data or not may_change_data(candidate.test_patch):
        return None
    with GitTree(mirror, _find_head_commit(candidate, mirror)) as tree:
        patch, files = candidate.test_patch, PytestFiles(tree)
        selection = select_unread_data(recipe, patch, tree, make_classifier(recipe), files)
    return replace(plan, selection=selection) if selection else None


def current_architecture() -> str:
    """Return the architecture of this machine, as recipes name it."""
    return normalize_architecture(platform.machine())


def _plan_variants(
    trees: Mapping[str, GitTree],
    candidate: Candidate,
    mirror: Path,
    env: EnvRecipe,
    pythons: Sequence[str],
) -> tuple[RequirementsVariant, ...] | Failure:
    """Return the base requirements, then the gold requirements if the gold patch changes them.

    Code that requires a newer library may only work with that. But the base requirements come
    first: with the newer library, tests unrelated to the fix may fail before it.
    """
    sources = env.requirements
    candidates = [
        make_variant(source, read_manifest(trees[source], sources), date, env, pythons)
        for source, date in _environment_dates(candidate, trees["gold"].commit, mirror).items()
    ]
    variants = [variant for variant in candidates if isinstance(variant, RequirementsVariant)]
    if not variants:
        return next(failure for failure in candidates if isinstance(failure, Failure))
    distinct: dict[tuple[str, str], RequirementsVariant] = {}
    for variant in variants:
        distinct.setdefault((variant.python, variant.manifest.key), variant)
    return tuple(
        replace(
            it, cutoff=find_shared_cutoff(mirror, trees[it.requirements_from], sources, it.date)
        )
        for it in distinct.values()
    )


def make_variant(
    source: str,
    manifest: Manifest | Failure,
    date: datetime,
    env: EnvRecipe,
    pythons: Sequence[str],
) -> RequirementsVariant | Failure:
    """Select the interpreter for *manifest* at *date*, which is also the cutoff."""
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
        cutoff=date,
    )


def _find_head_commit(candidate: Candidate, mirror: Path) -> str:
    """Return the PR's last commit; if *mirror* lacks it, the merge commit, as in the crawl."""
    head, merged = candidate.head_commit, candidate.merge_commit
    if merged and run_git(mirror, "cat-file", "-e", f"{head}^{{commit}}").returncode:
        return merged
    return head


def _environment_dates(
    candidate: Candidate, head_commit: str, mirror: Path
) -> Mapping[str, datetime]:
    """Return the dates of the environments: creation of the PR, or of a commit if that is later.

    The base commit is newer than the PR if the PR was rebased. Gold requirements date from the
    PR's last commit.
    """
    base = max(candidate.created_at, _commit_date(mirror, candidate.base_commit))
    return {"base": base, "gold": max(base, _commit_date(mirror, head_commit))}


def _commit_date(mirror: Path, commit: str) -> datetime:
    # Not `git show -s`: for a merge it reads blobs, which a partial clone may lack.
    text = git_output(mirror, "log", "-1", "--format=%cI", commit).decode().strip()
    return parse_rfc3339(text)


def _select_python(
    env: EnvRecipe, manifest: Manifest, date: datetime, pythons: Sequence[str]
) -> PythonChoice | Failure:
    if env.python:
        return PythonChoice(python=env.python, reason="set by the recipe")
    return choose_python(manifest, as_of=date, available=pythons)


def make_classifier(recipe: Recipe) -> FileClassifier:
    """Return the file classifier for the repository of *recipe*."""
    return FileClassifier(tests=recipe.paths.tests, sources=recipe.paths.source)


def make_version_resolver(recipe: Recipe, mirror: Mirror) -> VersionResolver:
    """Return the version resolver for the repository of *recipe*."""
    rule = recipe.version
    if rule.rule == "file":
        return FileVersionResolver(mirror, rule.file, rule.pattern)
    return TagVersionResolver(mirror)


def resource_limits(env: EnvRecipe) -> ResourceLimits:
    """Convert the limits of a recipe to bytes, for the sandbox."""
    limits = env.limits
    return ResourceLimits(
        seconds=limits.seconds,
        test_seconds=limits.test_seconds,
        memory_bytes=int(limits.memory_gib * 2**30),
        tmp_bytes=int(limits.tmp_gib * 2**30),
        shm_bytes=limits.shm_mib * 2**20,
        cpus=limits.cpus,
        pids=limits.pids,
    )


def rejection_from_failure(failure: Failure) -> Rejection:
    """Convert a builder's failure to a rejection."""
    return Rejection(stage=failure.stage, reason=failure.reason, detail=failure.detail)
