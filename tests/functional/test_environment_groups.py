"""Candidates that would build the same environment are of one group."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from curate.core.model import Candidate
from curate.environments.environment_groups import EnvironmentGroups
from curate.recipes import Recipe
from curate.recipes.schema import EnvRecipe
from tests.helpers.factories import make_candidate
from tests.helpers.git_history import GitHistory

RECIPE = Recipe(repo="owner/name", env=(EnvRecipe(),))
SETUP = "from setuptools import setup\nsetup(name='proj', install_requires=[{}])\n"


TEST_PATCH = b"""\
diff --git a/tests/test_a.py b/tests/test_a.py
--- a/tests/test_a.py
+++ b/tests/test_a.py
@@ -1 +1 @@
-def test_a(): pass
+def test_a(): assert 1
"""


def setup(*requirements: str) -> dict[str, bytes | str | None]:
    return {"setup.py": SETUP.format(", ".join(map(repr, requirements)))}


@pytest.fixture
def history(tmp_path: Path) -> GitHistory:
    history = GitHistory.new(tmp_path / "work")
    history.change({**setup("six"), "tests/test_a.py": "def test_a(): pass\n"})
    return history


def candidate(base: str, head: str, days: int = 0) -> Candidate:
    first = make_candidate(test_patch=TEST_PATCH, base_commit=base, head_commit=head)
    return replace(first, created_at=first.created_at + timedelta(days=days))


def test_candidates_of_one_lock_are_a_group(history: GitHistory) -> None:
    groups, mirror = EnvironmentGroups(("3.8", "3.9", "3.10")), history.path / ".git"

    def find(base: str, head: str, days: int = 0) -> str:
        return groups.find_group(candidate(base, head, days), RECIPE, mirror)

    six = history.head()
    code = history.change({"a.py": "1"})
    more = history.change(setup("six", "attrs"))
    assert find(six, six) == find(six, code) == find(code, code)
    # Gold requires more than base: it may need the environment of those after it.
    assert find(code, more) == find(six, six) == find(more, more)
    other = history.change(setup("toml"))
    assert find(other, other) != find(six, six)
    assert find(six, six, days=400) != find(six, six)


def test_what_has_no_environment_is_of_the_group_of_its_repository(history: GitHistory) -> None:
    skipped = Recipe(repo="owner/name", env=(EnvRecipe(skip="for the test"),))
    head = history.head()
    groups = EnvironmentGroups(("3.8",))
    assert groups.find_group(candidate(head, head), skipped, history.path / ".git") == "owner/name"
