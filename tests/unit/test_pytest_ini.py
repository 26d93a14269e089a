"""Which files pytest takes for tests, by the configuration of a project."""

from pathlib import Path

import pytest

from curate.builders.git.tree import FolderTree
from curate.environments.pytest_ini import PytestFiles, read_ini_table


def lay(folder: Path, files: dict[str, str]) -> FolderTree:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return FolderTree(folder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\npython_files = check_*.py *_spec.py\n"),
        (".pytest.ini", "[pytest]\npython_files =\n  check_*.py\n  *_spec.py\n"),
        ("setup.cfg", "[tool:pytest]\npython_files = check_*.py *_spec.py\n"),
        ("setup.cfg", "[pytest]\npython_files = check_*.py *_spec.py\n"),
        ("tox.ini", "[pytest]\npython_files = check_*.py *_spec.py\n"),
        (
            "pyproject.toml",
            '[tool.pytest.ini_options]\npython_files = ["check_*.py", "*_spec.py"]\n',
        ),
        ("pyproject.toml", '[tool.pytest.ini_options]\npython_files = "check_*.py *_spec.py"\n'),
        ("pyproject.toml", '[tool.pytest]\npython_files = ["check_*.py", "*_spec.py"]\n'),
    ],
)
def test_names_of_test_modules(tmp_path: Path, name: str, text: str) -> None:
    files = PytestFiles(lay(tmp_path, {name: text}))
    assert files.is_test_module("tests/check_it.py") and files.is_test_module("x/a_spec.py")
    assert not files.is_test_module("tests/it.py") and not files.is_test_module("check_it.txt")


def test_globs_with_folders_match_the_end_of_a_path(tmp_path: Path) -> None:
    ini = "[pytest]\npython_files = tests/*.py ./unit/**/case.py\n"
    files = PytestFiles(lay(tmp_path, {"pytest.ini": ini}))
    assert files.is_test_module("tests/a.py") and files.is_test_module("src/tests/a.py")
    assert files.is_test_module("unit/x/y/case.py")
    assert not files.is_test_module("mytests/a.py") and not files.is_test_module("a.py")


def test_the_nearest_configuration_counts_and_only_the_first_file(tmp_path: Path) -> None:
    tree = lay(
        tmp_path,
        {
            "pytest.ini": "",  # counts although it is empty
            "setup.cfg": "[tool:pytest]\npython_files = a_*.py\n",
            "sub/tests/tox.ini": "[pytest]\npython_files = b_*.py\n",
            "sub/setup.cfg": "[metadata]\nname = x\n",
        },
    )
    assert read_ini_table(tree) == {}
    files = PytestFiles(tree)
    assert not files.is_test_module("a_1.py")
    assert files.is_test_module("sub/tests/deep/b_1.py") and not files.is_test_module("sub/b_1.py")


@pytest.mark.parametrize(
    "options",
    [
        "--doctest-glob='*.md'",
        "-q --doctest-glob '*.md'",
        "--doctest-glob=README.md --doctest-modules",
    ],
)
def test_text_that_is_collected_for_its_doctests(tmp_path: Path, options: str) -> None:
    files = PytestFiles(lay(tmp_path, {"setup.cfg": f"[tool:pytest]\naddopts = {options}\n"}))
    assert files.is_doctest_file("README.md") and not files.is_doctest_file("README.rst")


@pytest.mark.parametrize("name", ["pytest.ini", "pyproject.toml", "tox.ini"])
def test_what_cannot_be_parsed_says_nothing(tmp_path: Path, name: str) -> None:
    files = PytestFiles(lay(tmp_path, {name: "[[[ : - {"}))
    assert not files.is_test_module("tests/check_it.py")


def test_a_package_is_a_test_module_only_if_it_is_named(tmp_path: Path) -> None:
    named = "[pytest]\npython_files = test_*.py __init__.py\n"
    files = {"a/pytest.ini": named, "b/pytest.ini": "[pytest]\npython_files = *.py\n"}
    files_of = PytestFiles(lay(tmp_path, files))
    assert files_of.is_test_module("a/tests/__init__.py")
    assert not files_of.is_test_module("b/tests/__init__.py")
