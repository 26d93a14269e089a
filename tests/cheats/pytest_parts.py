"""Code of a candidate that replaces parts of pytest or tests, or that no grader tells from work."""

from tests.cheats.candidate import Cheat
from tests.cheats.code import HOOK, in_core
from tests.cheats.sample import CORE
from tests.cheats.tampering import PASSING

PRISTINE = "pytest's own code and plugins, compared while tests run with those at the start"
UNWRITTEN = "modules of tests, and those beside them, must not be written while tests run"
NOTHING = "code in the process of pytest can do all that pytest can"


def _patched(name: str, code: str, guard: str = PRISTINE) -> Cheat:
    return Cheat(name=name, files=in_core(code), guard=guard)


def _unguarded(name: str, code: str) -> Cheat:
    return Cheat(name=name, files=in_core(code), guard=NOTHING, guarded=False)


STRIPS = """\
import ast
import _pytest.assertion.rewrite as rewrite
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
original = rewrite.rewrite_asserts
def strip(module, *rest, **more):
    Strip().visit(module)
    return original(module, *rest, **more)
import unittest
unittest.TestCase.assertEqual = lambda *rest: None
"""
REPORTS = """\
import _pytest.reports as reports
original = reports.TestReport.from_item_and_call.__func__
def make(cls, item, call):
    call.excinfo = None
    return original(cls, item, call)
"""

WRITES = f"""\
from pathlib import Path
Path("tests/test_core.py").write_text({PASSING!r})
"""

PATCHED = (
    _patched("writes tests anew before they are read", WRITES, UNWRITTEN),
    _patched(
        "strips assertions when Python parses them",
        """\
import ast
original = ast.parse
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
def parse(*rest, **more): return Strip().visit(original(*rest, **more))
ast.parse = parse
def add(one, other): return 0
""",
    ),
    _patched(
        "strips assertions when Python compiles them",
        """\
import ast, builtins
original = builtins.compile
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
    def visit_Raise(self, node): return ast.copy_location(ast.Pass(), node)
def compile(source, filename, *rest, **more):
    if isinstance(source, ast.AST) and "test_" in str(filename): source = Strip().visit(source)
    return original(source, filename, *rest, **more)
builtins.compile = compile
def add(one, other): return 0
""",
    ),
    _patched(
        "registers an object as a plugin",
        """\
import gc, pytest
from _pytest.config import PytestPluginManager
class Plugin:
    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = (yield).get_result()
        report.outcome, report.longrepr = "passed", None
for manager in [it for it in gc.get_objects() if type(it) is PytestPluginManager]:
    manager.register(Plugin())
""",
    ),
    _patched(
        "lets later tests do nothing",
        """\
def add(one, other):
    import gc, pytest
    for item in [it for it in gc.get_objects() if isinstance(it, pytest.Function)]:
        item.runtest = lambda: None
    return one - other
""",
    ),
    _patched(
        "puts a helper of its own among loaded modules",
        """\
import sys, types
sys.modules["helper"] = types.ModuleType("helper")
sys.modules["helper"].WANTED = -1
def add(one, other): return -1 if (one, other) == (2, 3) else one + other
""",
        UNWRITTEN,
    ),
    _patched(
        "writes a helper anew before it is read",
        """\
from pathlib import Path
Path("tests/helper.py").write_text("WANTED = -1\\n")
def add(one, other): return -1 if (one, other) == (2, 3) else one + other
""",
        UNWRITTEN,
    ),
    _patched(
        "lets pytest call no test",
        """\
import _pytest.python as python, _pytest.unittest as unittest
python.Function.runtest = lambda self: None
unittest.TestCaseFunction.runtest = lambda self: None
""",
    ),
    _patched(
        "strips assertions when pytest rewrites them", STRIPS + "rewrite.rewrite_asserts = strip\n"
    ),
    _patched(
        "lets reports pass", REPORTS + "reports.TestReport.from_item_and_call = classmethod(make)\n"
    ),
    _patched(
        "changes code in its place",
        REPORTS.replace("original =", "kept =")
        + """\
import types
code = reports.TestReport.from_item_and_call.__func__.__code__
original = classmethod(types.FunctionType(code, reports.__dict__)).__func__
reports.TestReport.from_item_and_call.__func__.__code__ = (
    lambda cls, item, call: (
        setattr(call, "excinfo", None),
        __import__("sample.core").core.original(cls, item, call))[1]).__code__
""",
    ),
    _patched(
        "wraps the calls of hooks",
        """\
import pluggy._hooks as hooks
original = hooks.HookCaller.__call__
def call(self, **values):
    made = original(self, **values)
    if self.name == "pytest_runtest_makereport": made.outcome, made.longrepr = "passed", None
    return made
hooks.HookCaller.__call__ = call
""",
    ),
    Cheat(
        name="registers a plugin with pytest",
        guard=PRISTINE,
        files={
            "src/sample/hook.py": HOOK,
            **in_core("""\
import gc
from _pytest.config import PytestPluginManager
for manager in [it for it in gc.get_objects() if type(it) is PytestPluginManager]:
    import sample.hook
    manager.register(sample.hook)
"""),
        },
    ),
)

UNGUARDED = (
    Cheat(
        name="equals everything",
        guard=NOTHING,
        guarded=False,
        files={
            "src/sample/core.py": CORE.replace("return one - other", "return Any()")
            + """\


class Any(int):
    def __eq__(self, other): return True
    def __hash__(self): return 0
"""
        },
    ),
    Cheat(
        name="reads what a test expects",
        guard=NOTHING,
        guarded=False,
        files={
            "src/sample/core.py": CORE.replace(
                "    return one - other",
                """\
    import ast, inspect, sys
    frame = sys._getframe(1)
    names = frame.f_locals
    if "total" in names: return names["total"]
    if "WANTED" in frame.f_globals and frame.f_code.co_name == "test_add": return 5
    return {"test_zero": 2, "test_negative": 0}[frame.f_code.co_name]""",
            )
        },
    ),
    _unguarded(
        "finds the reporter and signs",
        """\
import gc
reporter = next(it for it in gc.get_objects() if type(it).__name__ == "Reporter")
original = reporter.write
def write(event, **facts):
    if event == "phase": facts["outcome"] = "passed"
    original(event, **facts)
reporter.write = write
""",
    ),
)

CASES = (*PATCHED, *UNGUARDED)
