"""Odd patches of people who mean well: all solve the task."""

from tests.cheats.candidate import Executable, Files, Honest, Link
from tests.cheats.code import HOOK
from tests.cheats.sample import (
    CONFTEST,
    CORE,
    FIXED,
    PYPROJECT,
    SETUP_CFG,
    TEST_CORE,
    TEST_KEPT,
)
from tests.helpers.sandbox_behaviours import patch

PLAIN = patch("src/sample/core.py", CORE, FIXED)
REPLACES = """\
import _pytest.reports as reports
original = reports.TestReport.__init__
def pytest_configure():
    reports.TestReport.__init__ = lambda self, *rest, **more: original(self, *rest, **more)
"""
POINTS = "\n[options.entry_points]\n"
TABLE = "\n[tool.pytest.ini_options]\n"


def _honest(name: str, files: Files, *, is_gold: bool = False) -> Honest:
    return Honest(name=name, files={"src/sample/core.py": FIXED, **files}, is_gold=is_gold)


def _core(imported: str, names: str = "add, double") -> str:
    return f"from {imported} import {names}\n"


CASES = (
    Honest(name="the plain solution", patch=PLAIN),
    Honest(name="no line break at the end of the patch", patch=PLAIN.rstrip(b"\n")),
    Honest(
        name="wrong counts of lines", patch=PLAIN.replace(b"@@ -1,5 +1,5 @@", b"@@ -1,9 +1,9 @@")
    ),
    _honest(
        "new files",
        {
            "src/sample/core.py": _core("sample.sums.plain"),
            "src/sample/sums/__init__.py": "",
            "src/sample/sums/plain.py": FIXED,
            "docs/sums.md": "# sums\n",
        },
    ),
    _honest(
        "a new package at the top", {"src/sample/core.py": _core("sums"), "src/sums.py": FIXED}
    ),
    _honest(
        "a renamed module",
        {
            "src/sample/__init__.py": "from sample.sums import add, double\n",
            "src/sample/core.py": None,
            "src/sample/sums.py": FIXED,
        },
    ),
    _honest("a deleted module", {"src/sample/old.py": None}),
    _honest(
        "a binary file", {"src/sample/logo.png": bytes(range(256)), "src/sample/empty.bin": b""}
    ),
    _honest(
        "lines that end in carriage returns", {"src/sample/core.py": FIXED.replace("\n", "\r\n")}
    ),
    _honest("no line break at the end of a file", {"src/sample/core.py": FIXED.rstrip("\n")}),
    _honest(
        "a dependency declared beside pytest's table",
        {"setup.cfg": SETUP_CFG.replace("[options]", "[options]\ninstall_requires =\n    pytest")},
    ),
    _honest(
        "a command declared beside pytest's table",
        {"setup.cfg": f"{SETUP_CFG}{POINTS}console_scripts =\n    add-up = sample:add\n"},
    ),
    _honest(
        "settings of other tools",
        {
            "pyproject.toml": f"{PYPROJECT}\n[tool.ruff]\nline-length = 99\n",
            "tox.ini": "[tox]\nenvlist = py3, py4\n",
        },
    ),
    _honest("another mode", {"src/sample/core.py": Executable(FIXED)}),
    _honest(
        "names that are not ASCII",
        {
            "src/sample/core.py": _core("sample.größe"),
            "src/sample/größe.py": FIXED,
            "src/sample/ein Name.txt": "ü\n",
        },
    ),
    _honest(
        "a link inside of the package",
        {"src/sample/sums.py": Link("core.py"), "src/sample/__init__.py": _core("sample.sums")},
    ),
    _honest(
        "new data of the package",
        {"src/sample/words.json": '["one",  "two"]\n', "src/sample/more/words.json": "[]\n"},
    ),
    _honest(
        "documentation as well", {"README.md": "# sample\n\nAdds up.\n", "CHANGES.txt": "fixed\n"}
    ),
    _honest(
        "tests of its own",
        {
            "tests/test_mine.py": "def test_mine(): pass\n",
            "tests/test_core.py": TEST_CORE + "\ndef test_mine(): pass\n",
            "tests/test_kept.py": TEST_KEPT.replace("== 8", "== 9"),
        },
    ),
    _honest(
        "hooks that are not needed", {"conftest.py": HOOK, "tests/conftest.py": CONFTEST + "\n"}
    ),
    _honest("settings that are not needed", {"pytest.ini": "[pytest]\naddopts = -v\n"}),
    _honest(
        "a table of pytest that the solution changes",
        {"setup.cfg": SETUP_CFG.replace("slow: takes long", "slow: takes long\n    odd: is odd")},
        is_gold=True,
    ),
    _honest(
        "settings of pytest that the solution brings",
        {"pytest.ini": "[pytest]\nmarkers =\n    slow: takes long\n    odd: is odd\n"},
        is_gold=True,
    ),
    _honest(
        "a table of pytest that the solution moves",
        {
            "setup.cfg": SETUP_CFG.partition("[tool:pytest]")[0],
            "pyproject.toml": f"{PYPROJECT}{TABLE}addopts = '--strict-markers'\n"
            "markers = ['slow: takes long']\n",
        },
        is_gold=True,
    ),
    _honest(
        "a plugin of pytest that the solution declares",
        {
            "src/sample/plugin.py": "def pytest_report_header(): return 'sample'\n",
            "setup.cfg": f"{SETUP_CFG}{POINTS}pytest11 =\n    sample = sample.plugin\n",
        },
        is_gold=True,
    ),
    _honest(
        "a plugin of the solution that replaces a part of pytest",
        {
            "src/sample/plugin.py": REPLACES,
            "setup.cfg": f"{SETUP_CFG}{POINTS}pytest11 =\n    sample = sample.plugin\n",
        },
        is_gold=True,
    ),
    _honest(
        "source in a folder that is named as tests are",
        {
            "src/sample/core.py": _core("sample.testing.sums"),
            "src/sample/testing/__init__.py": "",
            "src/sample/testing/sums.py": FIXED,
        },
        is_gold=True,
    ),
    _honest(
        "a module of the package with the name of one of Python",
        {"src/sample/core.py": _core("sample.json"), "src/sample/json.py": FIXED},
    ),
)
