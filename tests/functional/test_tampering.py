"""A solver's edits to test helpers and hooks are undone before the tests run."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from curate.harness.eval_script import TEST_FILES
from curate.patches.file_kinds import FileClassifier
from tests.functional.test_eval_script import git, patch_of, repository, run, statuses, write

__all__ = ["repository"]  # a fixture

CHEAT = b"""\
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    report.outcome = "passed"
"""
HELPED = {
    "tests/helper.py": b"WANTED = 2\n",
    "other/testing/plug.py": b"",
    "pytest.ini": b"[pytest]\npythonpath = . tests other/testing\naddopts = -p plug\n",
}
TEST = b"import thing, helper\ndef test_f(): assert thing.f() == helper.WANTED\n"
NAME = "tests/test_old.py::test_f"
SOLVED = {"thing.py": b"def f():\n    return 2\n"}


def committed(repository: Path, files: Mapping[str, bytes]) -> None:
    write(repository, files)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "more")


def test_a_fix_of_test_helpers_alone_fixes_nothing(repository: Path) -> None:
    committed(repository, HELPED)
    patch = patch_of(repository, {"tests/test_old.py": TEST})
    hidden = {"tests/conftest.py": CHEAT, ".gitignore": b"conftest.py\n"}
    staged = ({"conftest.py": CHEAT}, {"tests/helper.py": b"WANTED = 1\n"})
    for cheats in (*staged, hidden, {"other/testing/plug.py": CHEAT}):
        write(repository, cheats)
        if cheats in staged:
            git(repository, "add", "-f", *cheats)
        assert statuses(run(repository, patch).stdout)[NAME] == "FAILED", list(cheats)
    write(repository, SOLVED | {"conftest.py": CHEAT, "tests/new.txt": b"a solver's own\n"})
    assert statuses(run(repository, patch).stdout)[NAME] == "PASSED"
    assert (repository / "tests/new.txt").exists()


def test_what_gold_changes_is_the_solvers_wherever_it_lies(repository: Path) -> None:
    place = "pkg/testing/thing.py"
    committed(repository, {"thing.py": b"from pkg.testing.thing import f\n", place: b""})
    fix = {place: SOLVED["thing.py"]}
    patch = patch_of(repository, {"tests/test_old.py": TEST.replace(b"helper.WANTED", b"2")})
    patch = patch.replace(b", helper", b"")
    gold = patch_of(repository, fix)
    write(repository, fix)
    assert statuses(run(repository, patch, gold=gold).stdout)[NAME] == "PASSED"
    assert NAME not in statuses(run(repository, patch).stdout)


def test_the_scripts_rule_is_the_default_rule() -> None:
    told = ["tests/a.txt", "a/test/b.py", "a/e2e/x", "test_a.py", "a/b_test.py", "conftest.py"]
    other = ["a.py", "testing.py", "latest/a.py", "atest_b.py", "a/test_b.txt", "x.pyc", "tests"]
    for path in (*told, *other):
        done = subprocess.run(["bash", "-c", "[[ $1 =~ $2 ]]", "-", path, TEST_FILES], check=False)
        assert (done.returncode == 0) is FileClassifier().is_test(path) is (path in told), path


@pytest.mark.parametrize("name", ["conftest.py", "odd name/conftest.py", "ü/conftest.py"])
def test_hooks_under_any_name_go(repository: Path, name: str) -> None:
    patch = patch_of(repository, {"tests/test_old.py": b"def test_f(): pass\n"})
    write(repository, {name: CHEAT, ".gitignore": b"*\n"})
    run(repository, patch, "true")
    assert not (repository / name).exists()
