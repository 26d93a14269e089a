"""Which modules are taken for readers of changed data, in the text of real commits."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from curate.builders.git.tree import GitTree
from curate.core.model import Rejection
from curate.environments.data_readers import MAX_READERS
from curate.environments.data_selection import select_data_tests
from curate.environments.pytest_ini import PytestFiles
from curate.environments.test_selection import TestSelection
from curate.patches.file_kinds import FileClassifier
from curate.recipes import Recipe
from tests.helpers.git_history import GitHistory

PLAIN = "def test_x(): pass\n"
SQL = "tests/fixtures/dialects/ansi/join.sql"
RECIPE = Recipe(repo="o/n")


def select(
    tmp_path: Path, files: Mapping[str, str], *changed: str, recipe: Recipe = RECIPE
) -> TestSelection | Rejection:
    history = GitHistory.new(tmp_path / "repo")
    commit = history.change(files)
    patch = "".join(
        f"diff --git a/{it} b/{it}\n--- a/{it}\n+++ b/{it}\n@@ -1 +1 @@\n-x\n+y\n" for it in changed
    )
    with GitTree(history.path, commit) as tree:
        classifier = FileClassifier(tests=recipe.paths.tests)
        return select_data_tests(recipe, patch.encode(), tree, classifier, PytestFiles(tree))


def selected(
    tmp_path: Path, files: Mapping[str, str], *changed: str, recipe: Recipe = RECIPE
) -> tuple[str, ...]:
    found = select(tmp_path, files, *changed, recipe=recipe)
    assert isinstance(found, TestSelection), found
    return found.files


@pytest.mark.parametrize(
    "reader",
    [
        'DATA = "fixtures/dialects/ansi/join.sql"\n',
        'read_data("join")\n',
        "open(os.path.join(HERE, 'fixtures', 'dialects', name))\n",
        'glob("../tests/fixtures/**/*.sql")\n',
        'Path(f"{HERE}/fixtures/dialects/{dialect}/{name}.sql")\n',
        'open("tests/fixtures/dialects/%s/%s" % (dialect, name))\n',
        "sorted(HERE.glob('*.sql'))\n",
        "cases = list(Path(__file__).parent.rglob(pattern))\n",
    ],
)
def test_modules_that_mention_the_data(tmp_path: Path, reader: str) -> None:
    files = {SQL: "x\n", "tests/test_reads.py": reader + PLAIN, "tests/test_other.py": PLAIN}
    assert selected(tmp_path, files, SQL) == ("tests/test_reads.py",)


def test_the_likeliest_come_first_and_not_too_many(tmp_path: Path) -> None:
    files = {f"tests/test_{n}.py": "x = 'ansi'\n" + PLAIN for n in range(20)}
    files |= {SQL: "x\n", "tests/test_zz.py": "x = 'join.sql'\n" + PLAIN}
    found = selected(tmp_path, files, SQL)
    assert found[0] == "tests/test_zz.py" and len(found) == MAX_READERS


@pytest.mark.parametrize(
    ("helper", "module"),
    [
        ("tests/util.py", "from .util import read\n"),
        ("tests/util.py", "from tests import (\n    util,\n)\n"),
        ("tests/helpers/__init__.py", "from tests.helpers import read\n"),
        ("tests/conftest.py", "from .conftest import cases\n"),
    ],
)
def test_modules_that_import_what_reads_the_data(tmp_path: Path, helper: str, module: str) -> None:
    files = {
        SQL: "x\n",
        helper: "FOLDER = HERE / 'fixtures'\n",
        "tests/test_reads.py": module + PLAIN,
        "tests/test_other.py": "import os\n" + PLAIN,
    }
    assert selected(tmp_path, files, SQL) == ("tests/test_reads.py",)


def test_modules_that_use_a_fixture_which_reads_the_data(tmp_path: Path) -> None:
    conftest = "@pytest.fixture(\n    scope='session',\n)\ndef statement():\n    open('join.sql')\n"
    files = {
        SQL: "x\n",
        "tests/conftest.py": conftest,
        "tests/test_reads.py": "def test_x(tmp_path, statement): pass\n",
        "tests/test_other.py": PLAIN,
        "other/tests/test_x.py": "def test_x(statement): pass\n",
    }
    assert selected(tmp_path, files, SQL) == ("tests/test_reads.py",)


def test_a_changed_helper_is_tested_by_what_imports_it(tmp_path: Path) -> None:
    files = {
        "tests/util.py": "def check(): pass\n",
        "tests/test_a.py": "from tests.util import check\n" + PLAIN,
        "tests/test_b.py": PLAIN,
    }
    found = select(tmp_path, files, "tests/util.py")
    assert found == TestSelection(files=("tests/test_a.py",))


def test_data_beside_a_changed_helper_is_what_counts(tmp_path: Path) -> None:
    files = {
        SQL: "x\n",
        "tests/util.py": "def check(): pass\n",
        "tests/test_a.py": "from tests.util import check\n" + PLAIN,
        "tests/test_reads.py": "x = 'join.sql'\n" + PLAIN,
    }
    found = select(tmp_path, files, "tests/util.py", SQL)
    assert isinstance(found, TestSelection) and found.files == ("tests/test_reads.py",)
    assert [it.path for it in found.data_files] == [SQL]


@pytest.mark.parametrize(
    "path",
    ["tests/test_a/test_x.yml", "tests/__snapshots__/test_a.ambr", "tests/cassettes/test_a/x.yaml"],
)
def test_stored_results_are_named_after_their_module(tmp_path: Path, path: str) -> None:
    files = {path: "x\n", "tests/test_a.py": PLAIN, "tests/test_b.py": PLAIN}
    assert selected(tmp_path, files, path) == ("tests/test_a.py",)


def test_a_folder_named_after_its_tests(tmp_path: Path) -> None:
    path = "tests/roots/test-ext-math/index.rst"
    files = {
        path: "x\n",
        "tests/roots/test-other/index.rst": "x\n",
        "tests/test_math.py": "@pytest.mark.app(testroot='ext-math')\n" + PLAIN,
        "tests/test_other.py": "@pytest.mark.app(testroot='other')\nx = 'index'\n" + PLAIN,
    }
    assert selected(tmp_path, files, path)[0] == "tests/test_math.py"


def test_names_denote_one_file_only(tmp_path: Path) -> None:
    files = {
        SQL: "x\n",
        SQL.replace("ansi", "other"): "x\n",
        SQL.replace("join", "select"): "x\n",
        SQL.replace("join.sql", "select.yml"): "x\n",
        "tests/test_reads.py": "x = 'dialects'\n" + PLAIN,
    }
    found = select(tmp_path, files, SQL, SQL.replace("join", "select"))
    assert isinstance(found, TestSelection)
    assert [it.names for it in found.data_files] == [
        ("ansi/join.sql", "ansi/join"),
        ("select.sql", "select"),
    ]


def test_files_that_a_conftest_makes_pytest_collect_are_run_themselves(tmp_path: Path) -> None:
    files = {
        "tests/cases/a.yaml": "x\n",
        "tests/conftest.py": "def pytest_collect_file(path):\n    if path.ext == '.yaml': x\n",
    }
    assert selected(tmp_path, files, "tests/cases/a.yaml") == ("tests/cases/a.yaml",)


@pytest.mark.parametrize(
    "code",
    [
        "import unittest\nclass Any(unittest.TestCase):\n    def test_a(self): pass\n",
        "class Any(HTTPTestCase):\n    def testA(self): pass\n",
        "def test_a(): pass\n",
        "async def test_a(): pass\n",
        "class TestIt:\n    def test_a(self): pass\n",
    ],
)
def test_files_that_define_tests_whatever_their_name(tmp_path: Path, code: str) -> None:
    files = {"tests/unit/foo.py": code, "tests/unit/helper.py": "x = 1\n"}
    found = select(tmp_path, files, "tests/unit/foo.py", "tests/unit/helper.py")
    assert found == TestSelection(files=("tests/unit/foo.py",))


def test_python_that_other_tests_read_is_data(tmp_path: Path) -> None:
    files = {
        "tests/data/sample.py": "def test_looks_like_one(): pass\n",
        "tests/test_format.py": "read_data('sample')\n" + PLAIN,
    }
    assert selected(tmp_path, files, "tests/data/sample.py") == ("tests/test_format.py",)


def test_data_with_the_name_of_something_imported_is_data(tmp_path: Path) -> None:
    files = {
        "tests/data/comments.py": "x = 1\n",
        "tests/test_format.py": "from thing import comments\nFOLDER = 'data'\n" + PLAIN,
    }
    found = select(tmp_path, files, "tests/data/comments.py")
    assert isinstance(found, TestSelection) and found.data_files


def test_text_with_doctests_is_run_by_name(tmp_path: Path) -> None:
    files = {"tests/usage.txt": "Add:\n\n    >>> 1 + 1\n    2\n", "tests/test_a.py": PLAIN}
    found = select(tmp_path, files, "tests/usage.txt")
    assert isinstance(found, TestSelection) and found.files == ("tests/usage.txt",)


@pytest.mark.parametrize(
    ("files", "changed", "reason"),
    [
        ({"tests/README.md": "x\n"}, "tests/README.md", "no-test-module-changed"),
        ({"tests/requirements-x.txt": "x\n"}, "tests/requirements-x.txt", "no-test-module-changed"),
        ({"tests/a.bin": "x\n"}, "tests/a.bin", "no-test-module-changed"),
        ({}, "tests/gone.txt", "tests-only-removed"),
        (
            {
                "tests/usage.txt": ">>> 1\n1\n",
                "tests/tests.py": "import doctest\nsuite = doctest.DocFileSuite('usage.txt')\n",
            },
            "tests/usage.txt",
            "unittest-doctests",
        ),
    ],
)
def test_what_nothing_reads_has_a_reason(
    tmp_path: Path, files: dict[str, str], changed: str, reason: str
) -> None:
    found = select(tmp_path, {"tests/test_other.py": PLAIN, **files}, changed)
    assert isinstance(found, Rejection) and (found.stage, found.reason) == ("plan", reason)
    assert changed in found.detail


def test_what_the_recipe_does_not_collect_is_no_reader(tmp_path: Path) -> None:
    recipe = Recipe.model_validate({"repo": "o/n", "paths": {"not_collected": ["tests/slow/**"]}})
    files = {
        SQL: "x\n",
        "tests/slow/test_reads.py": "x = 'join.sql'\n" + PLAIN,
        "tests/test_reads.py": "x = 'join.sql'\n" + PLAIN,
    }
    assert selected(tmp_path, files, SQL, recipe=recipe) == ("tests/test_reads.py",)


def test_text_that_no_python_can_parse_is_searched_all_the_same(tmp_path: Path) -> None:
    files = {SQL: "x\n", "tests/test_reads.py": "print 'join.sql'\nexec 'x'\n\xff" + PLAIN}
    assert selected(tmp_path, files, SQL) == ("tests/test_reads.py",)
