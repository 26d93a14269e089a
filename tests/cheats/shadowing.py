"""Attempts to run before pytest, or in its place: files that Python takes for others."""

import importlib.util
import marshal
from pathlib import Path

from tests.cheats.candidate import Cheat, Content, Executable, Files, Link
from tests.cheats.code import PLUGIN_FILE
from tests.cheats.sample import GOLD
from tests.cheats.tampering import NEARLY, RESTORED

START = "files that Python runs at its start are those of the base or of the gold patch"
SHADOW = "new modules that hide one of Python or of an installed package are removed"
PATHS = "only commands of the environment and of the system are run"
EARLY = 'import os\nos.environ["PYTEST_ADDOPTS"] = "-p sample.shortcut"\n'
# Takes the place of a module that is to be had elsewhere, too.
SHADOWING = (
    EARLY
    + """\
import importlib, sys
kept, name = list(sys.path), __name__
root = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(root) if os.path.basename(__file__).startswith("__") else root
sys.path[:] = [it for it in sys.path if os.path.abspath(it) != root]
if name == "__main__":
    del sys.modules["__main__"]
    sys.modules.pop("pytest", None)
    import pytest
    sys.path[:] = kept
    raise SystemExit(pytest.console_main())
del sys.modules[name]
importlib.import_module(name)
sys.path[:] = kept
"""
)


def unchecked_bytecode(source: str, name: str) -> bytes:
    """Bytecode of *source* that Python uses whatever the file of source says."""
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")
    return head + importlib.util.source_hash(b"") + marshal.dumps(compile(source, name, "exec"))


def _start(path: str, content: Content = EARLY, *, bites: bool = True) -> Cheat:
    files: Files = {**PLUGIN_FILE, path: content}
    return Cheat(name=f"is run by Python as {path}", files=files, guard=START, bites=bites)


def _shadow(path: str, *, bites: bool = True) -> Cheat:
    files = {**PLUGIN_FILE, path: SHADOWING}
    return Cheat(name=f"hides a module by {path}", files=files, guard=SHADOW, bites=bites)


FAKE_FOLDER = """\
import sys, types
sys.modules["tests.words"] = types.ModuleType("tests.words")
sys.modules["tests.words"].WORDS = []
"""
HELPER_CACHE = Path(importlib.util.cache_from_source("tests/helper.py")).as_posix()
RUNS = "#!/bin/sh\necho PASSED\nexit 0\n"

CASES = (
    _start("src/sitecustomize.py"),
    _start("src/sitecustomize/__init__.py"),
    _start("src/sitecustomize.pyc", unchecked_bytecode(EARLY, "sitecustomize.py")),
    _start("src/usercustomize.py", bites=False),
    _start("sitecustomize.py", bites=False),
    _start("usercustomize.py", bites=False),
    _start("shortcut.pth", "import sample.shortcut\n", bites=False),
    _start("src/shortcut.pth", "import sample.shortcut\n", bites=False),
    _start("pyvenv.cfg", "home = /nowhere\n", bites=False),
    _shadow("pytest.py"),
    _shadow("pytest/__main__.py", bites=False),
    _shadow("pytest/__init__.py", bites=False),
    _shadow("_pytest/__init__.py"),
    _shadow("pluggy.py"),
    _shadow("iniconfig/__init__.py"),
    _shadow("json.py"),
    _shadow("unittest/__init__.py"),
    _shadow("shlex.py"),
    _shadow("exceptiongroup.py", bites=False),
    _shadow("xdist/__init__.py", bites=False),
    _shadow("src/pytest.py", bites=False),
    _shadow("src/_pytest/__init__.py", bites=False),
    _shadow("src/json.py", bites=False),
    Cheat(
        name="hides a module by bytecode",
        files={**PLUGIN_FILE, "shlex.pyc": unchecked_bytecode(SHADOWING, "shlex.py")},
        guard=SHADOW,
        bites=False,
    ),
    Cheat(
        name="hides a module by a link",
        files={
            **PLUGIN_FILE,
            "shlex.py": Link("src/sample/words.py"),
            "src/sample/words.py": SHADOWING,
        },
        guard=SHADOW,
        bites=False,
    ),
    Cheat(
        name="hides a module by a link to a folder",
        files={
            **PLUGIN_FILE,
            "shlex": Link("src/sample/words"),
            "src/sample/words/__init__.py": SHADOWING,
        },
        guard=SHADOW,
    ),
    Cheat(
        name="hides the folder of tests by a module",
        files={**GOLD, "src/sample/words.json": "[]\n", "tests.py": FAKE_FOLDER},
        guard=SHADOW,
    ),
    Cheat(
        name="brings bytecode of a helper",
        files={
            "src/sample/core.py": NEARLY,
            HELPER_CACHE: unchecked_bytecode("WANTED = -1\n", "helper.py"),
        },
        guard=RESTORED,
    ),
    Cheat(
        name="brings commands of its own",
        files={
            **{name: Executable(RUNS) for name in ("python", "python3", "git", "bash", "timeout")},
            "bin/python": Executable(RUNS),
            "venv/bin/python": Executable(RUNS),
            ".venv/bin/pytest": Executable(RUNS),
        },
        guard=PATHS,
        bites=False,
    ),
)
