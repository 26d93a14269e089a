"""Trees of submodules that candidates share, read from real repositories."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import InstanceSpec, RequirementsLock
from curate.builders.requirements import Manifest
from curate.core.errors import NotFoundError
from curate.environments import build
from curate.environments.plan import ValidationPlan
from curate.environments.submodules import CandidateSubmodules, find_submodules, is_to_blame
from curate.environments.variants import RequirementsVariant
from curate.git.first_parents import find_commit_at
from curate.recipes import EnvRecipe, Recipe
from tests.helpers.fakes import UNUSED, fake
from tests.helpers.git_history import GitHistory

DATE = datetime(2023, 1, 1, tzinfo=UTC)
NOTHING = Manifest(requirements=())


@pytest.fixture
def repositories(tmp_path: Path) -> Any:
    """Mirrors of "o/r" and of its submodule "o/s"; `commit` adds to one of them, a day later."""
    histories = {name: GitHistory.new(tmp_path / name) for name in ("r", "s")}

    def commit(name: str, text: str, link: str = "") -> str:
        git = histories[name]
        git.clock += 86400
        (git.path / "file").write_text(text)
        git.git("add", "file")
        if link:
            git.git("update-index", "--add", "--cacheinfo", f"160000,{link},sub")
        git.git("commit", "--quiet", "--message", text)
        return git.head()

    def date(name: str, commit: str) -> datetime:
        seconds = histories[name].git("log", "-1", "--format=%ct", commit)
        return datetime.fromtimestamp(int(seconds), UTC)

    return fake(commit=commit, date=date, mirror=lambda repo: tmp_path / repo[2:] / ".git")


def spec(
    repositories: Any, base: str, older: str, submodules: Sequence[str] = ("sub",)
) -> InstanceSpec:
    """Input of a build with a lock as of the date of the commit *older*."""
    candidate = fake(instance_id="o__r-1", repo="o/r", base_commit=base, version="1")
    recipe = Recipe(repo="o/r", submodules=dict.fromkeys(submodules, "o/s"))
    cutoff = repositories.date("r", older)
    ground = RequirementsVariant(
        requirements_from="base", manifest=NOTHING, python="3.8", date=DATE, cutoff=cutoff
    )
    plan = ValidationPlan(
        candidate=candidate, recipe=recipe, env=EnvRecipe(), selection=UNUSED, variants=(ground,)
    )
    lock = RequirementsLock(text="", python="3.8", exclude_newer=cutoff)
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


def test_a_checkout_is_shared_with_the_newest_commit_up_to_the_lock(repositories: Any) -> None:
    first, second = repositories.commit("r", "a"), repositories.commit("r", "b")
    mirror, date = repositories.mirror("o/r"), repositories.date("r", second)
    moment = timedelta(seconds=1)
    assert find_commit_at(mirror, second, date) == second
    assert find_commit_at(mirror, second, date - moment) == first
    assert find_commit_at(mirror, second, repositories.date("r", first) - moment) == ""


def test_submodules_of_gitmodules_are_those_of_the_commit(
    repositories: Any, tmp_path: Path
) -> None:
    link = repositories.commit("s", "library")
    text = '[submodule "sub"]\n path = sub\n url = https://u:p@github.com/o/s\n'
    text += '[submodule "gone"]\n path = gone\n url = https://me:secret@x.test/o/gone.git\n'
    text += '[submodule "unlinked"]\n path = unlinked\n url = ../s\n'
    (tmp_path / "r" / ".gitmodules").write_text(text)
    history = GitHistory(tmp_path / "r", clock=10**9)
    history.git("add", ".gitmodules")
    history.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},gone")
    base = repositories.commit("r", "base", link)

    def get_mirror(repo: str) -> Path:
        mirrors = {"github.com/o/s": tmp_path / "s" / ".git"}
        if repo not in mirrors:
            raise NotFoundError(repo)
        return mirrors[repo]

    candidate, mirror = fake(repo="o/r", base_commit=base), tmp_path / "r" / ".git"
    found = find_submodules(candidate, Recipe(repo="o/r"), mirror, get_mirror)
    assert found.mirrors == {"sub": tmp_path / "s" / ".git"}
    sentence = "submodule gone of https://x.test/o/gone.git is not available"
    assert found.missing == {"gone": sentence}
    left_out = Recipe(repo="o/r", submodules={"sub": "", "gone": ""})
    assert find_submodules(candidate, left_out, mirror, get_mirror) == CandidateSubmodules(
        mirrors={}
    )
    bare = fake(repo="o/r", base_commit=repositories.commit("s", "without"))
    assert not find_submodules(bare, Recipe(repo="o/r"), tmp_path / "s/.git", get_mirror).mirrors


@pytest.mark.parametrize(
    ("path", "log", "is_blamed"),
    [
        ("docs/_themes", "AttributeError: module 'importlib._bootstrap' has no attribute", False),
        (
            "docs/_themes",
            "warning: no files found matching '*' under directory 'docs/_themes'",
            False,
        ),
        ("docs/_themes", "OSError: [Errno 2] No such file: 'docs/_themes/theme.conf'", True),
        ("vendor/zlib", "src/a.c:1:10: fatal error: zlib.h: No such file or directory", True),
        ("vendor/zlib", "src/a.c:1:10: fatal error: Python.h: No such file or directory", False),
        ("vendor/zlib", "error: package directory 'vendor/zlib-ng' does not exist", False),
        ("src/own_parser", "ModuleNotFoundError: No module named 'own.own_parser'", True),
        ("deps", "running pip install --no-deps; deps are missing", False),
        ("deps", "gcc: error: deps/a.c: No such file or directory", True),
    ],
)
def test_a_missing_submodule_is_blamed_where_the_log_names_what_it_would_hold(
    repositories: Any, tmp_path: Path, path: str, log: str, is_blamed: bool
) -> None:
    commit = repositories.commit("r", "include_dirs=['vendor/zlib'] # vendor/zlib/zlib.h")
    assert is_to_blame(path, log, tmp_path / "r" / ".git", commit) == is_blamed
