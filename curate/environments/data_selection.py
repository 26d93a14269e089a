"""The tests of a candidate whose test patch changes no file that pytest takes for a test module."""

import ast
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from curate.builders.git.tree import GitTree
from curate.core.model import Rejection
from curate.environments.data_readers import (
    TestTree,
    collects_itself,
    describe_data_file,
    find_data_readers,
)
from curate.environments.pytest_ini import PytestFiles
from curate.environments.test_selection import (
    TestSelection,
    is_runnable,
    list_present,
    name_some,
    reject_empty_selection,
)
from curate.patches.file_kinds import FileClassifier, matches_any_glob
from curate.patches.parse import split_files
from curate.recipes import Recipe

MAX_DATA_FILES = 200
"""Maximum number of changed data files whose tests are looked for."""

_NOT_DATA = re.compile(
    r"readme.*|requirements.*|changelog.*|licen[cs]e.*|.*dockerfile|makefile|__init__\.pyi?|\.git\w+"
    r"|py\.typed",
    re.IGNORECASE,
)
_DOCTEST_SUFFIXES = (".txt", ".rst")  # pytest runs such a file as doctests if it is named
_PROMPT = re.compile(rb"^[ \t]*>>> ", re.MULTILINE)


def select_data_tests(
    recipe: Recipe,
    test_patch: bytes,
    tree: GitTree,
    classifier: FileClassifier,
    pytest_files: PytestFiles,
) -> TestSelection | Rejection:
    """Select what may read the files that *test_patch* changes, all of *tree*, the head commit.

    These are files that define tests, whatever their names; else the test modules that read the
    changed files; else text with doctests, which pytest runs if it is named.
    """
    present = list_present(test_patch, tree.read)
    named = [it for it in present if not matches_any_glob(it, recipe.paths.not_collected)]
    unusual = [it for it in named if defines_tests(tree.read(it) or b"", it, only_classes=True)]
    if unusual:
        return TestSelection(files=tuple(sorted(unusual)))
    rejection = reject_empty_selection(recipe, test_patch, tree.read, pytest_files)
    data = _drop_documents(present)
    if rejection.reason != "no-test-module-changed" or not data:
        return rejection
    data = data[:MAX_DATA_FILES]
    tests = _make_test_tree(recipe, tree, classifier, pytest_files)
    data, helpers = _split_helpers(data, tests)
    readers = find_data_readers(data, tests)
    if not readers and helpers:
        # A helper is imported once for all modules, so that no record tells which need it.
        return (
            TestSelection(files=files)
            if (files := find_data_readers(helpers, tests))
            else rejection
        )
    documents = [it for it in data if _has_doctests(tree, it)]
    if documents and readers and all("doctest" in tests.read_facts(it).imports for it in readers):
        # A `DocFileSuite`, which only unittest's protocols run, with a setup of its own.
        return Rejection(stage="plan", reason="unittest-doctests", detail=name_some(documents))
    collected = [it for it in data if collects_itself(it, tests)]
    files = (*collected, *readers) or tuple(documents)
    if not files:
        functions = [it for it in named if defines_tests(tree.read(it) or b"", it)]
        return TestSelection(files=tuple(sorted(functions))) if functions else rejection
    return TestSelection(
        files=files, data_files=tuple(describe_data_file(path, tests) for path in data)
    )


def select_unread_data(
    recipe: Recipe,
    test_patch: bytes,
    tree: GitTree,
    classifier: FileClassifier,
    pytest_files: PytestFiles,
) -> TestSelection | None:
    """Select what may read the data that *test_patch* changes beside test modules, but for these.

    None if it changes no such data, or if no other module reads it.
    """
    present = list_present(test_patch, tree.read)
    modules = {it for it in present if is_runnable(it, pytest_files)}
    data = [it for it in _drop_documents(present) if it not in modules][:MAX_DATA_FILES]
    if not data or not modules:
        return None
    tests = _make_test_tree(recipe, tree, classifier, pytest_files)
    data, _ = _split_helpers(data, tests)
    readers = tuple(it for it in find_data_readers(data, tests) if it not in modules)
    files = tuple(describe_data_file(path, tests) for path in data)
    return TestSelection(files=readers, data_files=files) if readers else None


def may_change_data(test_patch: bytes) -> bool:
    """Whether *test_patch* changes other files than test modules, as far as its paths tell."""
    paths = [part.path for part in split_files(test_patch)]
    return any(
        not is_runnable(path) and PurePosixPath(path).name != "conftest.py"
        for path in _drop_documents(paths)
    )


def _split_helpers(paths: Iterable[str], tests: TestTree) -> tuple[list[str], list[str]]:
    """Return the data and the helpers among *paths*."""
    helpers = [path for path in paths if tests.is_helper(path)]
    return [path for path in paths if path not in helpers], helpers


def _drop_documents(paths: Iterable[str]) -> list[str]:
    """Drop paths of documentation and configuration, which no test reads."""
    return [it for it in paths if not _NOT_DATA.fullmatch(PurePosixPath(it).name)]


def defines_tests(content: bytes, path: str, *, only_classes: bool = False) -> bool:
    """Whether a module, whatever its name, defines tests.

    Classes of unittest with tests count; functions and classes by pytest's naming only without
    *only_classes*, as data of tests may define such.
    """
    if not path.endswith(".py") or PurePosixPath(path).name in ("conftest.py", "__init__.py"):
        return False
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError, RecursionError):
        return False
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    if any(_is_test_case(node) and _has_tests(node.body) for node in classes):
        return True
    if only_classes:
        return False
    named = [node for node in classes if node.name.startswith("Test")]
    return _has_tests(body) or any(_has_tests(node.body) for node in named)


def _is_test_case(node: ast.ClassDef) -> bool:
    names = (
        base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        for base in node.bases
    )
    return any(name.endswith("TestCase") for name in names)


def _has_tests(body: Iterable[ast.stmt]) -> bool:
    functions = (it for it in body if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(it.name.startswith("test") for it in functions)


def _has_doctests(tree: GitTree, path: str) -> bool:
    is_text = PurePosixPath(path).suffix in _DOCTEST_SUFFIXES
    return is_text and bool(_PROMPT.search(tree.read(path) or b""))


def _make_test_tree(
    recipe: Recipe, tree: GitTree, classifier: FileClassifier, pytest_files: PytestFiles
) -> TestTree:
    paths = [path for path in tree.paths if classifier.is_test(path)]
    modules = [
        path
        for path in paths
        if path.endswith(".py")
        and is_runnable(path, pytest_files)
        and not matches_any_glob(path, recipe.paths.not_collected)
    ]
    return TestTree(tree, paths, modules)
