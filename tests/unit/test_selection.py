from typing import Any, cast

import pytest

from curate.environments.test_selection import (
    TestSelection,
    changed_cases,
    reject_empty_selection,
    select_tests,
)
from curate.recipes import EnvRecipe, Recipe

PATCH = b"""diff --git a/tests/test_a.py b/tests/test_a.py
--- a/tests/test_a.py
+++ b/tests/test_a.py
@@ -1 +1,2 @@
 x
+y
diff --git a/tests/conftest.py b/tests/conftest.py
--- a/tests/conftest.py
+++ b/tests/conftest.py
@@ -1 +1,2 @@
 x
+y
diff --git a/tests/data/b file.txt b/tests/data/b file.txt
--- a/tests/data/b file.txt\t
+++ b/tests/data/b file.txt\t
@@ -1 +1,2 @@
 x
+y
diff --git a/tests/test_gone.py b/tests/test_gone.py
deleted file mode 100644
--- a/tests/test_gone.py
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/sub dir/it_test.py b/sub dir/it_test.py
new file mode 100644
--- /dev/null
+++ b/sub dir/it_test.py
@@ -0,0 +1 @@
+x
"""
CASES = {
    "repo": "o/n",
    "paths": {"not_collected": ["data/**"]},
    "data_driven_tests": {
        "files": ["data/*.test"],
        "pattern": r"^\[case ([a-zA-Z0-9_]+)",
        "test_command": 'pytest -k "{keywords}" suite',
    },
}
CASE_PATCH = b"""diff --git a/data/x.test b/data/x.test
--- a/data/x.test
+++ b/data/x.test
@@ -1 +1 @@
-x
+y
"""


PATCH_OF = (
    b"diff --git a/%(path)s b/%(path)s\n--- a/%(path)s\n+++ b/%(path)s\n@@ -1 +1 @@\n-x\n+y\n"
)


def present(path: str) -> bytes | None:
    return None if "gone" in path else b""


def test_only_runnable_files_that_exist_are_selected() -> None:
    chosen = select_tests(Recipe(repo="o/n"), PATCH, before=present, after=present)
    assert chosen.files == ("sub dir/it_test.py", "tests/test_a.py")


def test_a_file_that_no_command_can_name_is_not_selected() -> None:
    patch = PATCH.replace(b"a/tests/test_a.py", rb'"a/tests/test_caf\351.py"')
    patch = patch.replace(b"b/tests/test_a.py", rb'"b/tests/test_caf\351.py"')
    chosen = select_tests(Recipe(repo="o/n"), patch, before=present, after=present)
    assert chosen.files == ("sub dir/it_test.py",)


class _Named:
    """Says that files of these names are tests, as pytest's configuration may."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def is_test_module(self, path: str) -> bool:
        return path.endswith(self.names)

    def is_doctest_file(self, path: str) -> bool:
        return path.endswith(".rst") and self.is_test_module(path)


def test_files_that_the_configuration_of_pytest_names_are_selected() -> None:
    names = ("tests/check_a.py", "docs/use.rst", "tests/conftest.py", "b/other.py")
    patch = b"".join(PATCH_OF % {b"path": name.encode()} for name in names)
    files = _Named("check_a.py", "use.rst", "conftest.py")
    recipe = Recipe(repo="o/n")
    chosen = select_tests(
        recipe, patch, before=present, after=present, pytest_files=cast(Any, files)
    )
    assert chosen.files == ("docs/use.rst", "tests/check_a.py")
    assert not select_tests(recipe, patch, before=present, after=present)


def test_the_configuration_adds_nothing_to_cases_that_the_recipe_names() -> None:
    recipe, files = Recipe.model_validate(CASES), _Named("check_a.py")
    chosen = select_tests(
        recipe,
        CASE_PATCH + PATCH_OF % {b"path": b"tests/check_a.py"},
        before=lambda _: b"",
        after=lambda _: b"[case testA]\n",
        pytest_files=cast(Any, files),
    )
    assert chosen == TestSelection(files=(), case_names=("testA",))


def test_the_command_quotes_and_turns_around() -> None:
    chosen = select_tests(Recipe(repo="o/n"), PATCH, before=present, after=present)
    env = EnvRecipe(test_command="pytest -n0 {tests}")
    assert chosen.build_command(env, None) == "pytest -n0 'sub dir/it_test.py' tests/test_a.py"
    reverse_files = chosen.build_command(env, None, reverse_files=True)
    assert reverse_files == "pytest -n0 tests/test_a.py 'sub dir/it_test.py'"


def test_cases_are_compared_as_blocks() -> None:
    before = b"head\n[case testSame]\nx = 1\n[case testChanged]\nx = 1\n[case testGone]\n"
    after = b"head\n[case testNew-skip]\n\n[case testSame]\nx = 1\n\n[case testChanged]\nx = 2\n"
    pattern = r"^\[case ([a-zA-Z0-9_]+)"
    assert changed_cases(pattern, before, after, context=0) == ["testNew", "testChanged"]


def test_all_cases_of_a_new_file_are_changed() -> None:
    cases = b"[case testA]\nx = 1\n[case testB]\ny = 1\n"
    assert changed_cases(r"^\[case (\w+)", b"", cases) == ["testA", "testB"]
    assert changed_cases(r"^\[case (\w+)", cases, b"# none are left\n") == []


def test_neighbours_of_changed_cases_run_too() -> None:
    names = [f"test{letter}" for letter in "ABCDEFG"]
    before = "".join(f"[case {name}]\n" for name in names).encode()
    after = before.replace(b"[case testC]\n", b"[case testC]\nchanged\n")
    pattern = r"^\[case (\w+)"
    assert changed_cases(pattern, before, after, context=1) == ["testB", "testC", "testD"]
    assert changed_cases(pattern, before, after) == names
    assert changed_cases(pattern, before, before) == []


def test_a_neighbour_whose_name_is_part_of_others_stays_away() -> None:
    before = b"[case testA]\n[case testAB]\n[case testC]\n"
    after = b"[case testA]\n[case testAB]\n[case testC]\nchanged\n"
    assert changed_cases(r"^\[case (\w+)", before, after) == ["testAB", "testC"]
    before, after = after.replace(b"changed\n", b""), b"[case testA]\nchanged\n" + after[13:]
    assert "testA" in changed_cases(r"^\[case (\w+)", before, after)


def test_data_driven_cases_are_asked_for_by_name() -> None:
    recipe = Recipe.model_validate(CASES)
    chosen = select_tests(
        recipe,
        CASE_PATCH,
        before=lambda _: b"[case testA]\n1\n",
        after=lambda _: b"[case testA]\n2\n[case testB]\n",
    )
    assert (
        chosen.build_command(recipe.env[0], recipe.data_driven_tests)
        == 'pytest -k "testA or testB" suite'
    )


def test_every_case_of_a_new_file_is_chosen() -> None:
    assert changed_cases(r"^\[case (\w+)", b"", b"[case testA]\n[case testB]\n") == [
        "testA",
        "testB",
    ]
    assert changed_cases(r"^\[case (\w+)", b"[case testA]\n", b"no cases\n") == []


@pytest.mark.parametrize(
    ("paths", "recipe", "expected"),
    [
        (["tests/data/a.sql", "tests/conftest.py"], {}, "no-test-module-changed"),
        (["tests/test_gone.py"], {}, "tests-only-removed"),
        (["data/test_x.py"], CASES, "tests-not-collected"),
        (["data/x.test"], CASES, "no-changed-cases"),
    ],
)
def test_an_empty_selection_names_its_cause(
    paths: list[str], recipe: dict[str, Any], expected: str
) -> None:
    patch = b"".join(PATCH_OF % {b"path": path.encode()} for path in paths)
    chosen = Recipe.model_validate({"repo": "o/n", **recipe})
    assert not select_tests(chosen, patch, before=present, after=present)
    rejection = reject_empty_selection(chosen, patch, present)
    assert (rejection.stage, rejection.reason) == ("plan", expected)
    assert rejection.detail == ", ".join(paths)


@pytest.mark.parametrize(
    ("path", "hunk", "reason"),
    [
        (
            "tests/runtests.py",
            b"@@ -1,2 +1 @@\n x\n-    'tests.gone_test',\n",
            "tests-only-removed",
        ),
        ("tests/runtests.py", b"@@ -1 +1 @@\n-x\n+y\n", "no-test-module-changed"),
        ("tests/data/a.sql", b"@@ -1,2 +1 @@\n x\n-y\n", "no-test-module-changed"),
    ],
)
def test_a_suite_that_only_loses_a_module_has_nothing_to_run(
    path: str, hunk: bytes, reason: str
) -> None:
    """The project's own runner has a list of its modules, of which one is deleted."""
    patch = PATCH_OF % {b"path": b"tests/gone_test.py"}
    name = path.encode()
    patch += b"diff --git a/%b b/%b\n--- a/%b\n+++ b/%b\n" % (name, name, name, name) + hunk
    assert reject_empty_selection(Recipe(repo="o/n"), patch, present).reason == reason
