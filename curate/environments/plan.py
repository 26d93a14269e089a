"""The validation plan of a candidate: everything decided before locking and building."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from curate.builders.git.run import run_git
from curate.builders.git.tree import GitTree
from curate.builders.model import Failure
from curate.builders.python.python_2 import find_python_2_syntax, names_python_3
from curate.core.model import Candidate, Rejection
from curate.environments.backend_question import AskBackend
from curate.environments.data_selection import (
    may_change_data,
    select_data_tests,
    select_unread_data,
)
from curate.environments.pytest_ini import PytestFiles
from curate.environments.recipe_values import make_classifier
from curate.environments.test_selection import TestSelection, select_tests
from curate.environments.variants import RequirementsVariant, VariantPlanner
from curate.patches.parse import list_patch_paths
from curate.recipes import EnvRecipe, Recipe, RecipeError, normalize_architecture


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
    candidate: Candidate,
    recipe: Recipe,
    mirror: Path,
    pythons: Sequence[str],
    ask: AskBackend | None = None,
) -> ValidationPlan | Rejection:
    """Select recipe range, tests, requirements and interpreter of *candidate*.

    If reading leaves requirements uncertain, *ask* returns what the build back-end says of them.
    """
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
    head_commit = find_head_commit(candidate, mirror)
    with (
        GitTree(mirror, candidate.base_commit) as base_tree,
        GitTree(mirror, head_commit) as head_tree,
    ):
        selection = _select(candidate, recipe, base_tree, head_tree)
        if isinstance(selection, Rejection):
            return selection
        trees = {"base": base_tree, "gold": head_tree}
        planner = VariantPlanner(candidate, recipe, env, pythons, ask, selection.files)
        variants = planner.plan_variants(trees, mirror)
        python_2 = _find_python_2(candidate, base_tree, variants, env)
    if python_2:
        return Rejection(stage="lock", reason="needs-python-2", detail=python_2)
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
    with GitTree(mirror, find_head_commit(candidate, mirror)) as tree:
        patch, files = candidate.test_patch, PytestFiles(tree)
        selection = select_unread_data(recipe, patch, tree, make_classifier(recipe), files)
    return replace(plan, selection=selection) if selection else None


def _find_python_2(
    candidate: Candidate,
    base_tree: GitTree,
    variants: Sequence[RequirementsVariant] | Failure,
    env: EnvRecipe,
) -> str:
    """Return why *candidate* needs Python 2, from the files that it changes; "" if it does not."""
    is_declared = not isinstance(variants, Failure) and names_python_3(variants[0].manifest)
    if env.python or is_declared:
        return ""
    changed = list_patch_paths(candidate.patch) + list_patch_paths(candidate.test_patch)
    names = [path.decode("utf-8", "surrogateescape") for path in changed]
    paths = ["setup.py", *(name for name in names if name.endswith(".py"))]
    found = find_python_2_syntax((path, base_tree.read(path)) for path in paths)
    return f"needs Python 2: {found} has syntax that Python 3 does not have" if found else ""


def current_architecture() -> str:
    """Return the architecture of this machine, as recipes name it."""
    return normalize_architecture(platform.machine())


def find_head_commit(candidate: Candidate, mirror: Path) -> str:
    """Return the PR's last commit; if *mirror* lacks it, the merge commit, as in the crawl."""
    head, merged = candidate.head_commit, candidate.merge_commit
    if merged and run_git(mirror, "cat-file", "-e", f"{head}^{{commit}}").returncode:
        return merged
    return head


def rejection_from_failure(failure: Failure) -> Rejection:
    """Convert a builder's failure to a rejection."""
    return Rejection(stage=failure.stage, reason=failure.reason, detail=failure.detail)
