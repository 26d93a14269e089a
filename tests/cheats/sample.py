"""The project that cheats are about: a package with a bug, and tests that show it."""

from collections.abc import Mapping
from pathlib import Path

from curate.builders.model import ResourceLimits
from curate.core.task import Task
from curate.harness.protection import PROTECTED_GLOBS
from tests.cheats.candidate import Files, diff_files

COMMAND = "python -m pytest -p no:cacheprovider tests/test_core.py tests/test_kept.py"
SETUP_CFG = """\
[metadata]
name = sample
version = 1

[options]
packages = sample
package_dir =
    = src

[tool:pytest]
addopts = --strict-markers
markers =
    slow: takes long
"""
PYPROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[tool.black]
line-length = 88
"""
CORE = """\
def add(one, other):
    return one - other


def double(one):
    return 2 * one
"""
FIXED = CORE.replace("one - other", "one + other")
CONFTEST = """\
import pytest
import sample


@pytest.fixture
def add():
    return sample.add
"""
TEST_CORE = """\
from pathlib import Path
from unittest import TestCase

import pytest
from helper import WANTED


def test_zero(add):
    assert add(2, 0) == 2
"""
NEW_TESTS = """\


def test_add(add):
    assert add(2, 3) == WANTED


@pytest.mark.slow
@pytest.mark.parametrize("line", Path("expected/sums.txt").read_text().splitlines())
def test_sums(add, line):
    one, other, total = map(int, line.split())
    assert add(one, other) == total


class TestAdd(TestCase):
    def test_negative(self):
        import sample

        self.assertEqual(sample.add(1, -1), 0)
"""
TEST_KEPT = """\
import json
from pathlib import Path

import sample
from tests.words import WORDS


def test_double():
    assert sample.double(4) == 8


def test_data():
    place = Path(sample.__file__).parent
    assert json.loads((place / "words.json").read_text()) == WORDS
"""
BASE: Mapping[str, str | bytes] = {
    "setup.cfg": SETUP_CFG,
    "pyproject.toml": PYPROJECT,
    "tox.ini": "[tox]\nenvlist = py3\n",
    "README.md": "# sample\n",
    "src/sample/__init__.py": "from sample.core import add, double\n",
    "src/sample/core.py": CORE,
    "src/sample/old.py": "def unused():\n    pass\n",
    "src/sample/words.json": '["one", "two"]\n',
    "tests/conftest.py": CONFTEST,
    "tests/helper.py": "WANTED = 5\n",
    "tests/test_core.py": TEST_CORE,
    "tests/test_kept.py": TEST_KEPT,
    "tests/words.py": 'WORDS = ["one", "two"]\n',
    "expected/sums.txt": "2 2 4\n",
}
TEST_FILES: Files = {"tests/test_core.py": TEST_CORE + NEW_TESTS}
GOLD: Files = {"src/sample/core.py": FIXED}
FAIL_TO_PASS = (
    "tests/test_core.py::test_add",
    "tests/test_core.py::test_sums[2 2 4]",
    "tests/test_core.py::TestAdd::test_negative",
)
PASS_TO_PASS = (
    "tests/test_core.py::test_zero",
    "tests/test_kept.py::test_double",
    "tests/test_kept.py::test_data",
)
LIMITS = ResourceLimits(seconds=60, test_seconds=20, memory_bytes=512 << 20, pids=100)


def make_task(checkout: Path, gold: bytes = b"") -> Task:
    """Return the task of the sample in *checkout*; *gold* other than the plain solution."""
    return Task(
        instance_id="owner__sample-1",
        repo="owner/sample",
        base_commit="HEAD",
        problem_statement="add subtracts.",
        hints_text="",
        image="",
        image_digest="",
        gold=gold or diff_files(checkout, GOLD),
        test_patch=diff_files(checkout, TEST_FILES),
        test_command=COMMAND,
        limits=LIMITS,
        fail_to_pass=FAIL_TO_PASS,
        pass_to_pass=PASS_TO_PASS,
        protected_paths=(*PROTECTED_GLOBS, "expected/"),
    )
