"""Functions called `setup` and `teardown` as nose had them, which pytest called up to version 7."""

from collections.abc import Mapping

from curate.builders.model import Outcome
from tests.helpers.sandbox_behaviours import ERROR, FAILED, PASSED

GOOD = """\
ready = []
def setup(): ready.append(1)
def teardown(): ready.clear()
def test_a(): assert ready
def test_b(): assert not ready
"""

CLASS = """\
class TestGood:
    def setup(self): self.ready = True
    def test_a(self): assert self.ready
class TestSetUp:
    def setup(self): raise ValueError
    def test_a(self): pass
class TestTearDown:
    def teardown(self): raise ValueError
    def test_a(self): pass
    def test_b(self): assert 0
"""

FUNCTION = """\
def fail(): raise ValueError
def test_setup(): pass
def test_teardown(): pass
test_setup.setup = fail
test_teardown.teardown = fail
"""

SKIP = """\
import unittest
def setup(): raise unittest.SkipTest
def test_a(): assert 0
"""

FILES: Mapping[str, str] = {
    "test_good.py": GOOD,
    "test_setup.py": "def setup(): raise ValueError\ndef test_a(): pass\ndef test_b(): assert 0\n",
    "test_teardown.py": "def teardown(): 1 / 0\ndef test_a(): pass\ndef test_b(): pass\n",
    "test_skip.py": SKIP,
    "test_class.py": CLASS,
    "test_function.py": FUNCTION,
    "package/__init__.py": "ready = []\ndef setup(): ready.append(1)\ndef teardown(): 1 / 0\n",
    "package/test_in.py": "import package\ndef test_a(): assert package.ready\n",
    "module/__init__.py": "def setup_module(): raise ValueError\n",
    "module/test_in.py": "def test_a(): pass\n",
    "module/test_also.py": "def test_a(): pass\n",
}

# Up to pytest 6 a module's teardown was called after each test, not only after the last.
UP_TO_6: Mapping[str, Outcome] = {"test_teardown.py::test_a": ERROR}

OUTCOMES: Mapping[str, Outcome] = {
    "test_good.py::test_a": PASSED,
    "test_good.py::test_b": FAILED,
    "test_setup.py::test_a": ERROR,
    "test_setup.py::test_b": ERROR,
    "test_teardown.py::test_a": PASSED,
    "test_teardown.py::test_b": ERROR,
    "test_skip.py::test_a": Outcome.SKIPPED,
    "test_class.py::TestGood::test_a": PASSED,
    "test_class.py::TestSetUp::test_a": ERROR,
    "test_class.py::TestTearDown::test_a": ERROR,
    "test_class.py::TestTearDown::test_b": FAILED,
    "test_function.py::test_setup": ERROR,
    "test_function.py::test_teardown": ERROR,
    "package/test_in.py::test_a": FAILED,
    "module/test_in.py::test_a": ERROR,
    "module/test_also.py::test_a": ERROR,
}
