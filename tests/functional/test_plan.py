"""What is decided of a candidate before anything is locked or built."""

import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curate.builders.errors import MissingObjectsError
from curate.core.model import Candidate, Rejection
from curate.environments.context import ValidationOptions
from curate.environments.plan import ValidationPlan, plan_validation
from curate.recipes import Recipe
from curate.validate.attempts import compute_inputs_hash
from tests.helpers.factories import make_candidate

Commit = Callable[..., str]


PYTHONS = ("3.8", "3.9", "3.10", "3.11")
PROJECT = (
    '[project]\nname = "thing"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = [{}]\n'
)
SETUP = 'from setuptools import setup\nsetup(name="thing", install_requires=["six"])\n'
RECIPE = Recipe.model_validate({"repo": "owner/name"})
OPENED = datetime(2023, 1, 2, tzinfo=UTC)


@pytest.fixture
def history(tmp_path: Path) -> tuple[Path, Commit]:
    """Makes commits, one upon the other, and returns their oids."""

    def git(*arguments: str, **variables: str) -> str:
        environment = {
            f"GIT_{who}_{what}": "a"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        command = ["git", "-C", str(tmp_path), *arguments]
        done = subprocess.run(
            command, env={**os.environ, **environment, **variables}, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(date: str, **files: str) -> str:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path = path.with_suffix(".toml" if name == "pyproject" else ".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        git("add", ".")
        git("commit", "-qm", "x", GIT_COMMITTER_DATE=date)
        return git("rev-parse", "HEAD")

    git("init", "-q")
    return tmp_path / ".git", commit


def trial(base: str, head: str, **more: Any) -> Candidate:
    patch = b"diff --git a/tests/test_a.py b/tests/test_a.py\n--- a/tests/test_a.py\n"
    patch += b"+++ b/tests/test_a.py\n@@ -1 +1 @@\n-old\n+new\n"
    one = replace(make_candidate(1), base_commit=base, head_commit=head, created_at=OPENED)
    return replace(one, repo="owner/name", test_patch=patch, **more)


def planned(*arguments: Any) -> ValidationPlan:
    plan = plan_validation(*arguments)
    assert isinstance(plan, ValidationPlan), plan
    return plan


def test_a_head_that_the_mirror_lacks_is_the_merge_commit(history: tuple[Path, Commit]) -> None:
    mirror, commit = history
    project = PROJECT.format('"thing"')
    base = commit("2023-01-01T00:00:00Z", pyproject=project, tests__test_a="old\n")
    merged = commit("2023-02-03T00:00:00Z", tests__test_a="new\n", tests__test_b="new\n")
    one = trial(base, "f" * 40, merge_commit=merged)
    assert planned(one, RECIPE, mirror, PYTHONS).selection.files == ("tests/test_a.py",)
    with pytest.raises(MissingObjectsError, match="f" * 40):
        plan_validation(trial(base, "f" * 40), RECIPE, mirror, PYTHONS)


def test_a_test_that_the_mirror_lacks_is_an_error(history: tuple[Path, Commit]) -> None:
    mirror, commit = history
    base = commit("2023-01-01T00:00:00Z", tests__test_a="old\n")
    head = commit("2023-02-03T00:00:00Z", tests__test_a="new\n")
    command = ["git", f"--git-dir={mirror}", "rev-parse", f"{head}:tests/test_a.py"]
    oid = subprocess.check_output(command, text=True).strip()
    (mirror / "objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(MissingObjectsError, match=r"tests/test_a\.py"):
        plan_validation(trial(base, head), RECIPE, mirror, PYTHONS)


def test_requirements_that_gold_changes_are_a_second_ground_of_its_day(
    history: tuple[Path, Commit],
) -> None:
    mirror, commit = history
    base = commit("2023-01-01T00:00:00Z", pyproject=PROJECT.format('"old"'), tests__test_a="old\n")
    head = commit("2023-02-03T00:00:00Z", pyproject=PROJECT.format('"new"'), tests__test_a="new\n")
    plan = planned(trial(base, head), RECIPE, mirror, PYTHONS)
    found = [
        (it.requirements_from, it.date, [r.line for r in it.manifest.requirements])
        for it in plan.variants
    ]
    assert [(source, date) for source, date, _ in found] == [
        ("base", OPENED),
        ("gold", datetime(2023, 2, 3, tzinfo=UTC)),
    ]
    assert ["old" in lines for *_, lines in found] == [True, False]
    assert ["new" in lines for *_, lines in found] == [False, True]


def test_tests_that_only_lose_lines_are_tried_for_what_is_left_may_fail(
    history: tuple[Path, Commit],
) -> None:
    mirror, commit = history
    base = commit("2023-01-01T00:00:00Z", pyproject=PROJECT.format(""), tests__test_a="a\nb\n")
    head = commit("2023-02-03T00:00:00Z", tests__test_a="a\n")
    patch = b"diff --git a/tests/test_a.py b/tests/test_a.py\n--- a/tests/test_a.py\n"
    patch += b"+++ b/tests/test_a.py\n@@ -1,2 +1 @@\n a\n-b\n"
    plan = planned(replace(trial(base, head), test_patch=patch), RECIPE, mirror, PYTHONS)
    assert plan.selection.files == ("tests/test_a.py",)


def test_development_tools_that_tests_import_are_kept(history: tuple[Path, Commit]) -> None:
    mirror, commit = history
    project = PROJECT.format("") + "[project.optional-dependencies]\n"
    project += 'test = ["sphinx", "mypy", "flake8", "black", "isort", "towncrier"]\n'
    base = commit(
        "2023-01-01T00:00:00Z",
        pyproject=project,
        tests__test_a="old\n",
        tests__conftest="import black.mode\n",
        thing__node="try:\n    from typed_ast import x\nexcept ImportError:\n    import flake8\n",
        docs__conf="import towncrier, typed_ast\n",
    )
    head = commit("2023-02-03T00:00:00Z", tests__test_a="from sphinx.util import x\n")
    recipe = Recipe.model_validate(
        {"repo": "owner/name", "env": [{"requirements": {"extras": ["test"]}}]}
    )
    (variant,) = planned(trial(base, head), recipe, mirror, PYTHONS).variants
    assert {it.name for it in variant.manifest.requirements} == {"sphinx", "mypy", "black"}


def test_requirements_that_stay_are_one_ground(history: tuple[Path, Commit]) -> None:
    mirror, commit = history
    base = commit("2023-01-01T00:00:00Z", pyproject=PROJECT.format('"old"'), tests__test_a="old\n")
    head = commit("2023-02-03T00:00:00Z", tests__test_a="new\n")
    plan = planned(trial(base, head), RECIPE, mirror, PYTHONS)
    assert [
        (ground.requirements_from, ground.python in PYTHONS[1:]) for ground in plan.variants
    ] == [("base", True)]


def test_a_base_committed_after_the_pull_was_opened_dates_the_environment(
    history: tuple[Path, Commit],
) -> None:
    mirror, commit = history
    base = commit("2023-05-01T00:00:00Z", pyproject=PROJECT.format(""), tests__test_a="old\n")
    head = commit("2023-05-02T00:00:00Z", tests__test_a="new\n")
    plan = planned(trial(base, head), RECIPE, mirror, PYTHONS)
    assert plan.variants[0].date == datetime(2023, 5, 1, tzinfo=UTC)


def test_a_merge_with_a_file_that_a_partial_mirror_lacks_is_dated(
    history: tuple[Path, Commit],
) -> None:
    mirror, commit = history
    files = {"pyproject": PROJECT.format(""), "tests__test_a": "old\n"}
    base = commit("2023-01-01T00:00:00Z", gone="a\nb\nc\nd\n", **files)
    (mirror.parent / "gone.py").unlink()
    side = commit("2023-01-02T00:00:00Z", other="a\nb\nc\ne\n")
    both = commit("2023-01-03T00:00:00Z", tests__test_a="new\n")

    def git(*arguments: str) -> str:
        command = ["git", f"--git-dir={mirror}", "-c", "user.name=a", "-c", "user.email=a"]
        done = subprocess.run([*command, *arguments], capture_output=True, check=True)
        return done.stdout.decode().strip()

    head = git("commit-tree", f"{both}^{{tree}}", "-p", base, "-p", side, "-m", "x")
    lost = git("rev-parse", f"{both}:other.py")
    (mirror / "objects" / lost[:2] / lost[2:]).unlink()
    assert (
        planned(trial(base, head), RECIPE, mirror, PYTHONS).variants[0].requirements_from == "base"
    )


def test_a_range_for_other_machines_is_rejected(
    history: tuple[Path, Commit], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, commit = history
    base = commit("2023-01-01T00:00:00Z", pyproject=PROJECT.format(""), tests__test_a="old\n")
    head = commit("2023-01-02T00:00:00Z", tests__test_a="new\n")
    ranges = [{"architectures": ["arm64"]}]
    recipe = Recipe.model_validate({"repo": "owner/name", "env": ranges})
    options, one = ValidationOptions(), trial(base, head)
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    fallen = plan_validation(one, recipe, mirror, PYTHONS)
    assert isinstance(fallen, Rejection)
    assert (fallen.stage, fallen.reason) == ("recipe", "architecture")
    assert fallen.detail == "the recipe supports aarch64, this machine is x86_64"
    elsewhere = compute_inputs_hash(one, recipe, options)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert isinstance(plan_validation(one, recipe, mirror, PYTHONS), ValidationPlan)
    assert compute_inputs_hash(one, recipe, options) != elsewhere


def test_a_skipped_range_and_a_version_of_no_range_are_rejected(
    history: tuple[Path, Commit],
) -> None:
    mirror, commit = history
    base = commit("2023-01-01T00:00:00Z", pyproject=PROJECT.format(""), tests__test_a="old\n")
    ranges = [{"versions": "<2", "skip": "needs a GPU"}, {"versions": ">=3"}]
    recipe = Recipe.model_validate({"repo": "owner/name", "env": ranges})
    for version, reason, detail in (
        ("1.0", "skipped", "needs a GPU"),
        ("2.0", "no-environment", "no range"),
    ):
        fallen = plan_validation(trial(base, base, version=version), recipe, mirror, PYTHONS)
        assert isinstance(fallen, Rejection)
        assert (fallen.stage, fallen.reason) == ("recipe", reason)
        assert detail in fallen.detail


@pytest.mark.parametrize(
    ("setup", "source", "detail"),
    [
        (SETUP, 'print "old"\n', "tests/test_a.py:1"),
        ("print 'building'\n", "new = 1\n", "setup.py:1"),
        (SETUP, "try:\n    x()\nexcept ValueError, error:\n    pass\n", "tests/test_a.py:3"),
        (SETUP, "raise ValueError, 'old'\n", "tests/test_a.py:1"),
        (SETUP, "mode = 0777\n", "tests/test_a.py:1"),
        (SETUP, "a = b'1' <> 2\n", "tests/test_a.py:1"),
    ],
)
def test_a_project_that_only_python_2_can_parse_is_rejected_as_such(
    history: tuple[Path, Commit], setup: str, source: str, detail: str
) -> None:
    mirror, commit = history
    base = commit("2015-01-01T00:00:00Z", setup=setup, tests__test_a=source)
    head = commit("2015-02-01T00:00:00Z", tests__test_a="new\n")
    opened = datetime(2015, 1, 2, tzinfo=UTC)
    candidate = replace(trial(base, head), created_at=opened)
    rejection = plan_validation(candidate, RECIPE, mirror, PYTHONS)
    assert isinstance(rejection, Rejection)
    assert (rejection.stage, rejection.reason) == ("lock", "needs-python-2")
    assert rejection.detail == f"needs Python 2: {detail} has syntax that Python 3 does not have"


def test_a_file_that_is_broken_on_purpose_does_not_need_python_2(
    history: tuple[Path, Commit],
) -> None:
    mirror, commit = history
    base = commit("2015-01-01T00:00:00Z", setup=SETUP, tests__test_a="def broken(:\n")
    head = commit("2015-02-01T00:00:00Z", tests__test_a="new\n")
    candidate = replace(trial(base, head), created_at=datetime(2015, 1, 2, tzinfo=UTC))
    planned(candidate, RECIPE, mirror, PYTHONS)


def test_a_project_that_declares_python_3_may_have_files_of_python_2(
    history: tuple[Path, Commit],
) -> None:
    mirror, commit = history
    project = PROJECT.format("")
    base = commit("2023-01-01T00:00:00Z", pyproject=project, tests__test_a='print "old"\n')
    head = commit("2023-02-01T00:00:00Z", tests__test_a="new\n")
    planned(trial(base, head), RECIPE, mirror, PYTHONS)
