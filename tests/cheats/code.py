"""Code that several cheats share."""

from tests.cheats.sample import CORE

# A plugin of pytest by which every test passes.
HOOK = """\
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    report.outcome, report.longrepr = "passed", None
"""
PLUGIN = "sample.shortcut"
PLUGIN_FILE = {"src/sample/shortcut.py": HOOK}
ADDOPTS = f"addopts = --strict-markers -p {PLUGIN}"

# In a process that is not pytest yet: let it take no test seriously.
UNTAUGHT = """\
import sys
class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "_pytest.runner":
            sys.meta_path.remove(_Finder)
            import _pytest.python, unittest
            _pytest.python.Function.runtest = lambda self: None
            import _pytest.unittest
            _pytest.unittest.TestCaseFunction.runtest = lambda self: None
sys.meta_path.insert(0, _Finder)
"""


def in_core(code: str) -> dict[str, str]:
    """The source file with the bug and *code*."""
    return {"src/sample/core.py": f"{CORE}\n\n{code}"}
