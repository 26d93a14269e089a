import pytest

from curate.patches.file_kinds import FileClassifier, matches_any_glob


@pytest.mark.parametrize(
    "path",
    [
        "tests/a.py",
        "pkg/test/data.json",
        "e2e/x",
        "a/testing/b.py",
        "test_x.py",
        "pkg/x_test.py",
        "conftest.py",
    ],
)
def test_tests_by_default(path: str) -> None:
    assert FileClassifier().is_test(path)
    assert not FileClassifier().is_source(path)


@pytest.mark.parametrize(
    "path",
    [
        "pandas/_testing/a.py",
        "contest/latest.py",
        "pkg/stubtest.py",
        "attest.py",
        "runtests.sh",
        "tests.py",
        "test_x.txt",
    ],
)
def test_substrings_are_no_tests(path: str) -> None:
    assert not FileClassifier().is_test(path)


@pytest.mark.parametrize(
    "path", ["pkg/a.py", "pkg/data.json", "src/x.c", "stubs/a.pyi", "pkg/tests.py"]
)
def test_source(path: str) -> None:
    assert FileClassifier().is_source(path)


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "docs/conf.py",
        "setup.cfg",
        "setup.py",
        "news/12.bugfix",
        ".github/x.py",
        "pyproject.toml",
        "LICENSE",
        ".gitignore",
        "requirements.txt",
        "poetry.lock",
    ],
)
def test_documents_are_neither(path: str) -> None:
    assert not FileClassifier().is_source(path)
    assert not FileClassifier().is_test(path)


def test_overrides_win_and_sources_win_over_tests() -> None:
    rules = FileClassifier(
        tests=("test-data/**/*.test",), sources=("mypy/test/", "test-data/keep/**")
    )
    assert rules.is_test("test-data/unit/check.test")
    assert rules.is_test("test-data/check.test")
    assert not rules.is_test("test-data/unit/readme.txt")
    assert not rules.is_test("test-data/keep/check.test")
    assert rules.is_source("mypy/test/helpers.py")
    assert rules.is_test("other/test/helpers.py")


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("a/*.py", "a/b.py", True),
        ("a/*.py", "a/b/c.py", False),
        ("**/b.py", "b.py", True),
        ("**/b.py", "x/y/b.py", True),
        ("a/**", "a/b/c", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a.c", "abc", False),
        ("/a.c", "a.c", True),
        ("a[1].c", "a[1].c", True),
    ],
)
def test_globs(glob: str, path: str, expected: bool) -> None:
    assert matches_any_glob(path, [glob]) is expected
