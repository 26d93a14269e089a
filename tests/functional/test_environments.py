"""Trees of submodules that candidates share, read from real repositories."""

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import InstanceSpec, RequirementsLock
from curate.builders.requirements import Manifest
from curate.environments import build
from curate.environments.plan import RequirementsVariant, ValidationPlan
from curate.recipes import EnvRecipe, Recipe
from tests.helpers.fakes import UNUSED, fake

DATE = datetime(2023, 1, 1, tzinfo=UTC)
NOTHING = Manifest(requirements=())


@pytest.fixture
def repositories(tmp_path: Path) -> Any:
    """Mirrors of "o/r" and of its submodule "o/s"; `commit` adds to one of them."""

    def git(name: str, *arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.test")
        command = ["git", *identity, *arguments]
        done = subprocess.run(command, cwd=tmp_path / name, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def commit(name: str, text: str, link: str = "") -> str:
        (tmp_path / name / "file").write_text(text)
        git(name, "add", "file")
        if link:
            git(name, "update-index", "--add", "--cacheinfo", f"160000,{link},sub")
        git(name, "commit", "-qm", text)
        return git(name, "rev-parse", "HEAD")

    for name in ("r", "s"):
        (tmp_path / name).mkdir()
        git(name, "init", "-q")
    return fake(commit=commit, mirror=lambda repo: tmp_path / repo[2:] / ".git")


def spec(
    repositories: Any, base: str, lock_commit: str, submodules: Sequence[str] = ("sub",)
) -> InstanceSpec:
    candidate = fake(instance_id="o__r-1", repo="o/r", base_commit=base, version="1")
    recipe = Recipe(repo="o/r", submodules=dict.fromkeys(submodules, "o/s"))
    ground = RequirementsVariant(
        requirements_from="base", manifest=NOTHING, python="3.8", date=DATE
    )
    plan = ValidationPlan(
        candidate=candidate, recipe=recipe, env=EnvRecipe(), selection=UNUSED, variants=(ground,)
    )
    lock = RequirementsLock(text="", python="3.8", exclude_newer=DATE, commit=lock_commit)
    return build.make_instance_spec(plan, ground, lock, repositories.mirror)


def test_submodules_step_from_the_shared_tree_as_the_repository_does(repositories: Any) -> None:
    commit = repositories.commit
    one, two = commit("s", "1"), commit("s", "2")
    older = commit("r", "a", one)
    same, later = commit("r", "b", one), commit("r", "c", two)
    kept = spec(repositories, same, older)
    assert (kept.checkout_layer_commit, kept.moved_submodules) == (older, {})
    moved = spec(repositories, later, older)
    assert (moved.checkout_layer_commit, moved.moved_submodules) == (older, {"sub": (one, two)})
    back = commit("r", "d", one)
    assert spec(repositories, back, later).checkout_layer_commit == ""  # two is no ancestor of one
    assert spec(repositories, back, later, submodules=()).checkout_layer_commit == later


def test_a_tree_without_the_submodule_is_not_shared(repositories: Any) -> None:
    older = repositories.commit("r", "a")
    newer = repositories.commit("r", "b", repositories.commit("s", "1"))
    assert spec(repositories, newer, older).checkout_layer_commit == ""
    assert spec(repositories, newer, "").checkout_layer_commit == ""
