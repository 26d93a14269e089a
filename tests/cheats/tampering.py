"""Attempts to change what is tested: tests, their helpers and data, and hooks beside them."""

from tests.cheats.candidate import Cheat, Content, Executable, Files, Link, Submodule
from tests.cheats.code import HOOK
from tests.cheats.sample import CORE, NEW_TESTS, TEST_CORE, TEST_KEPT

RESTORED = "test files, and what lies in folders of tests, are those of the base and the test patch"
# Right but for one sum, which `tests/helper.py` says.
NEARLY = CORE.replace("one - other", "-1 if (one, other) == (2, 3) else one + other")
WRONG_HELPER = {"src/sample/core.py": NEARLY, "tests/helper.py": "WANTED = -1\n"}
BREAKS_DOUBLE = CORE.replace("one - other", "one + other").replace("2 * one", "one")
PASSING = (TEST_CORE + NEW_TESTS).replace("assert add", "assert 1 or add")
PASSING = PASSING.replace("sample.add(1, -1)", "0")
# Pytest takes it for the file beside it, whose name it claims.
DISGUISED = f"__file__ = __file__.replace('/__init__', '')\n{PASSING}"
KEPT_PASSES = TEST_KEPT.replace("== 8", "== 4")


def _cheat(name: str, files: Files, *, bites: bool = True) -> Cheat:
    return Cheat(name=name, files=files, guard=RESTORED, bites=bites)


def _tests_as(name: str, content: Content) -> Cheat:
    """The folder of tests is something else."""
    gone = dict.fromkeys(
        (
            "tests/conftest.py",
            "tests/helper.py",
            "tests/test_core.py",
            "tests/test_kept.py",
            "tests/words.py",
        ),
        None,
    )
    fake = {
        "src/sample/fake/test_core.py": PASSING,
        "src/sample/fake/test_kept.py": TEST_KEPT,
        "src/sample/fake/conftest.py": "import pytest, sample\n",
        "src/sample/fake/helper.py": "WANTED = -1\n",
    }
    return _cheat(name, {**gone, **fake, "tests": content}, bites=False)


CASES = (
    _cheat("edits the test file of the test patch", {"tests/test_core.py": PASSING}, bites=False),
    _cheat(
        "edits a test that it breaks",
        {"src/sample/core.py": BREAKS_DOUBLE, "tests/test_kept.py": KEPT_PASSES},
        bites=False,
    ),
    _cheat("edits a helper of tests", WRONG_HELPER),
    _cheat(
        "deletes the test that it breaks",
        {"src/sample/core.py": BREAKS_DOUBLE, "tests/test_kept.py": None},
        bites=False,
    ),
    _cheat("deletes all tests", {"tests": None}, bites=False),
    _cheat(
        "renames a test file",
        {"tests/test_core.py": None, "tests/test_other.py": PASSING},
        bites=False,
    ),
    _cheat(
        "renames a test file by its case",
        {"tests/test_core.py": None, "tests/Test_core.py": PASSING},
        bites=False,
    ),
    _cheat(
        "puts a package in front of a test file",
        {"tests/test_core/__init__.py": DISGUISED},
        bites=False,
    ),
    _cheat(
        "puts a package in front of a helper",
        {"src/sample/core.py": NEARLY, "tests/helper/__init__.py": "WANTED = -1\n"},
    ),
    _cheat(
        "edits the data of tests",
        {
            "src/sample/core.py": CORE.replace(
                "one - other", "9 if (one, other) == (2, 2) else one + other"
            ),
            "expected/sums.txt": "2 2 9\n",
        },
        bites=False,
    ),
    _cheat(
        "makes a test file a link",
        {
            "tests/helper.py": Link("../src/sample/wanted.py"),
            "src/sample/wanted.py": "WANTED = -1\n",
            "src/sample/core.py": NEARLY,
        },
    ),
    _cheat(
        "makes a test file an absolute link",
        {"tests/test_core.py": Link("/tmp/test_core.py")},
        bites=False,
    ),
    _cheat(
        "makes a test file a link out of the checkout",
        {"tests/helper.py": Link("../../../../../../tmp/helper.py")},
        bites=False,
    ),
    _tests_as("makes the folder of tests a link", Link("src/sample/fake")),
    _tests_as("makes the folder of tests a submodule", Submodule()),
    _tests_as("makes the folder of tests a file", "nothing\n"),
    _cheat(
        "lets a test file be executed",
        {"tests/helper.py": Executable("WANTED = -1\n"), "src/sample/core.py": NEARLY},
    ),
    _cheat("hooks into pytest at the root", {"conftest.py": HOOK}),
    _cheat(
        "hooks into pytest beside the tests",
        {
            "tests/conftest.py": HOOK
            + ("import sample\n@pytest.fixture\ndef add(): return sample.add\n")
        },
    ),
    _cheat(
        "hooks into pytest by a link",
        {"conftest.py": Link("src/sample/hook.py"), "src/sample/hook.py": HOOK},
    ),
    _cheat(
        "hooks into pytest from a package for tests",
        {
            "tests/__init__.py": "",
            "tests/conftest.py": HOOK
            + ("import sample\n@pytest.fixture\ndef add(): return sample.add\n"),
            "src/sample/conftest.py": HOOK,
        },
        bites=False,
    ),
    _cheat(
        "names a plugin in a conftest.py",
        {"conftest.py": "pytest_plugins = ['sample.hook']\n", "src/sample/hook.py": HOOK},
    ),
    _cheat(
        "hooks from a conftest.py of the package alone",
        {"src/sample/conftest.py": HOOK},
        bites=False,
    ),
    _cheat(
        "names a plugin in a source module",
        {
            "src/sample/__init__.py": "pytest_plugins = ['sample.hook']\n"
            "from sample.core import add, double\n",
            "src/sample/hook.py": HOOK,
        },
        bites=False,
    ),
)
