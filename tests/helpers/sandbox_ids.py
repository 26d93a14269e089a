"""Tests with names and ends that are hard to report, many in one run: exact ids, exact outcomes."""

from collections.abc import Mapping

import pytest

from curate.builders.model import Outcome, ResourceLimits
from tests.helpers.sandbox_behaviours import ERROR, FAILED, PASSED, Behaviour

SKIPPED = Outcome.SKIPPED

RAW_INI = """\
[pytest]
disable_test_id_escaping_and_forfeit_all_rights_to_community_support = True
"""

RAW = """\
# -*- coding: utf-8 -*-
import pytest

@pytest.mark.parametrize(
    "x", ["\u00fc \u2603", "l1\\nl2\\n", "tab\\there", "\\x1b[31mred", " ", "a - b", "x::y", "]["])
def test_raw(x): pass

@pytest.mark.parametrize("x", [1], ids=["n" * 100000])
def test_long(x): pass
"""

DUPLICATES = """\
import pytest

@pytest.mark.parametrize("x", [1, 2, 3], ids=["a", "a", "b"])
def test_named(x): assert x != 2
def test_twice(): assert 0
def test_twice(): pass
class TestA:
    def test_same(self): pass
class TestB:
    def test_same(self): assert 0
"""

XUNIT = """\
class TestSetUp:
    @classmethod
    def setup_class(cls): raise ValueError
    def test_a(self): pass
class TestTearDown:
    def teardown_method(self, method): raise ValueError
    def test_a(self): pass
    def test_b(self): assert 0
class TestGood:
    def setup_method(self, method): self.ready = True
    def test_a(self): assert self.ready
"""

XUNIT_MODULE = "def setup_module(module): 1 / 0\ndef test_a(): pass\ndef test_b(): pass\n"

UNITTEST = """\
import unittest

class TestClassSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise ValueError
    def test_a(self): pass
class TestCleanUp(unittest.TestCase):
    def test_a(self): self.addCleanup(lambda: 1 / 0)
class TestSkips(unittest.TestCase):
    def setUp(self): self.skipTest("no")
    def test_a(self): pass
"""

FIXTURES = """\
import pytest

@pytest.fixture(scope="session")
def session(): raise ValueError
def test_a(session): pass
def test_b(session): pass
def test_unknown(no_such_fixture): pass
@pytest.fixture(params=["a b", "c"])
def two(request): return request.param
def test_two(two): assert two == "c"
"""

DOCTEST = '''\
def good():
    """
    >>> good()
    1
    """
    return 1
def bad():
    """
    >>> bad()
    1
    """
'''

FILES: Mapping[str, str] = {
    "pytest.ini": RAW_INI,
    "test_raw.py": RAW,
    "test_duplicates.py": DUPLICATES,
    "test_xunit.py": XUNIT,
    "test_xunit_module.py": XUNIT_MODULE,
    "test_unittest.py": UNITTEST,
    "test_fixtures.py": FIXTURES,
    "with_doctest.py": DOCTEST,
    "test_doc.txt": ">>> 1 + 1\n3\n",
    "test_does_not_import.py": "import nowhere_at_all\n",
    "test_syntax.py": "def test_a(: pass\n",
    "test_skips.py": "import pytest\npytest.importorskip('nowhere_at_all')\n",
    "a b [c]/test_\u00fc - x.py": "def test_a(): pass\n",
}

OUTCOMES: Mapping[str, Outcome] = {
    **{
        f"test_raw.py::test_raw[{value}]": PASSED
        for value in (
            "\u00fc \u2603",
            "l1\nl2\n",
            "tab\there",
            "\x1b[31mred",
            " ",
            "a - b",
            "x::y",
            "][",
        )
    },
    f"test_raw.py::test_long[{'n' * 100_000}]": PASSED,
    "test_duplicates.py::test_named[a0]": PASSED,
    "test_duplicates.py::test_named[a1]": FAILED,
    "test_duplicates.py::test_named[b]": PASSED,
    "test_duplicates.py::test_twice": PASSED,
    "test_duplicates.py::TestA::test_same": PASSED,
    "test_duplicates.py::TestB::test_same": FAILED,
    "test_xunit.py::TestSetUp::test_a": ERROR,
    "test_xunit.py::TestTearDown::test_a": ERROR,
    "test_xunit.py::TestTearDown::test_b": FAILED,
    "test_xunit.py::TestGood::test_a": PASSED,
    "test_xunit_module.py::test_a": ERROR,
    "test_xunit_module.py::test_b": ERROR,
    "test_unittest.py::TestClassSetUp::test_a": ERROR,
    "test_unittest.py::TestCleanUp::test_a": FAILED,
    "test_unittest.py::TestSkips::test_a": SKIPPED,
    "test_fixtures.py::test_a": ERROR,
    "test_fixtures.py::test_b": ERROR,
    "test_fixtures.py::test_unknown": ERROR,
    "test_fixtures.py::test_two[a b]": FAILED,
    "test_fixtures.py::test_two[c]": PASSED,
    "with_doctest.py::with_doctest.good": PASSED,
    "with_doctest.py::with_doctest.bad": FAILED,
    "test_doc.txt::test_doc.txt": FAILED,
    "test_does_not_import.py": ERROR,
    "test_syntax.py": ERROR,
    "test_skips.py": SKIPPED,
    "a b [c]/test_\u00fc - x.py::test_a": PASSED,
}

OPTIONS = ("--doctest-modules", "--continue-on-collection-errors")

SUBTESTS = """\
def test_parts(subtests):
    for n in range(3):
        with subtests.test(n=n): assert n != 1
def test_good_parts(subtests):
    with subtests.test("a b"): pass
"""

REPEATED = """\
import os
def test_first_time_only():
    assert not os.path.exists("ran")
    open("ran", "w").close()
"""


def _ids(name: str, options: str) -> Behaviour:
    return Behaviour(
        name=name,
        files=FILES,
        command=f"python -m pytest -q -p no:cacheprovider {' '.join(OPTIONS)} {options}",
        outcomes=OUTCOMES,
        limits=ResourceLimits(seconds=120, memory_bytes=1 << 30),
    )


ID_BEHAVIOURS = [
    _ids("ids and ends", ""),
    _ids("ids and ends under xdist", "-n 2"),
    Behaviour(
        name="one test run twice",
        files={"test_x.py": REPEATED},
        command="python -m pytest -q --keep-duplicates test_x.py test_x.py",
        outcomes={"test_x.py::test_first_time_only": FAILED},
    ),
]
if int(pytest.__version__.split(".", maxsplit=1)[0]) >= 9:
    ID_BEHAVIOURS.append(
        Behaviour(
            name="subtests",
            files={"test_x.py": SUBTESTS},
            outcomes={"test_x.py::test_parts": FAILED, "test_x.py::test_good_parts": PASSED},
        )
    )
