"""Small projects whose environment lacks something, and what is found of it in their output."""

from collections.abc import Mapping
from dataclasses import dataclass

PASSING = "def test_a():\n    assert True\n"


@dataclass(frozen=True, kw_only=True)
class Lack:
    """A project: its files, arguments of pytest, and (kind, name, where) of what is missing."""

    files: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    missing: tuple[tuple[str, str, str], ...]
    since: tuple[int, ...] = (2, 8)  # pytest that complains
    until: tuple[int, ...] = (99,)


def ini(text: str) -> str:
    return f"[pytest]\n{text}\n"


LACKS: Mapping[str, Lack] = {
    "module": Lack(
        files={"test_a.py": f"import not_there.sub\n{PASSING}"},
        missing=(("module", "not_there", "test_a.py"),),
    ),
    "module of a conftest": Lack(
        files={"conftest.py": "import not_there\n", "test_a.py": PASSING},
        missing=(("module", "not_there", "conftest.py"),),
    ),
    "module of a helper": Lack(
        files={
            "tests/conftest.py": "import helper\n",
            "tests/helper.py": "from not_there import a\n",
            "tests/test_a.py": PASSING,
        },
        arguments=("tests/test_a.py",),
        missing=(("module", "not_there", "tests/helper.py"),),
    ),
    "the last of several modules": Lack(
        files={
            "test_a.py": "try:\n    import old_name\nexcept ImportError:\n    import new_name\n"
            + PASSING
        },
        missing=(("module", "new_name", "test_a.py"),),
    ),
    "module at setup and in a test": Lack(
        files={
            "test_a.py": "import pytest\n@pytest.fixture\ndef a():\n    import one\n"
            "def test_a(a): pass\ndef test_b():\n    import two\n"
        },
        missing=(("module", "one", "test_a.py"), ("module", "two", "test_a.py")),
    ),
    "name": Lack(
        files={"test_a.py": f"from json import not_there\n{PASSING}"},
        missing=(("name", "json", "test_a.py"),),
    ),
    "attribute of a module": Lack(
        files={"test_a.py": f"import json\njson.not_there\n{PASSING}"},
        missing=(("attribute", "json", "test_a.py"),),
    ),
    "fixture": Lack(
        files={"test_a.py": "def test_a(mocker): pass\n"},
        missing=(("fixture", "mocker", "test_a.py"),),
    ),
    "option of the command": Lack(
        files={"test_a.py": PASSING},
        arguments=("--cov=x", "-n", "4", "test_a.py"),
        missing=(("option", "--cov=x", ""), ("option", "", "")),
    ),
    "option of the project": Lack(
        files={"pytest.ini": ini("addopts = --timeout=3"), "test_a.py": PASSING},
        missing=(("option", "--timeout=3", ""),),
    ),
    "key of the configuration": Lack(
        files={
            "pytest.ini": ini("addopts = --strict-config\nasyncio_mode = auto"),
            "test_a.py": PASSING,
        },
        missing=(("ini", "asyncio_mode", ""),),
        since=(6, 0),
        until=(9,),
    ),
    "marker": Lack(
        files={
            "pytest.ini": ini("addopts = --strict"),
            "test_a.py": f"import pytest\n@pytest.mark.asyncio\n{PASSING}",
        },
        missing=(("marker", "asyncio", "test_a.py"),),
        until=(9,),
    ),
    "plugin of the command": Lack(
        files={"test_a.py": PASSING},
        arguments=("-p", "not_there"),
        missing=(("module", "not_there", ""),),
    ),
    "plugin of a conftest": Lack(
        files={"conftest.py": "pytest_plugins = ['not_there.sub']\n", "test_a.py": PASSING},
        missing=(("module", "not_there", ""),),
    ),
    "required plugin": Lack(
        files={"pytest.ini": ini("required_plugins = pytest-a>=1 pytest-b"), "test_a.py": PASSING},
        missing=(("plugin", "pytest-a>=1", ""), ("plugin", "pytest-b", "")),
        since=(6, 0),
    ),
    "newer pytest": Lack(
        files={"pytest.ini": ini("minversion = 99"), "test_a.py": PASSING},
        missing=(("pytest", "99", ""),),
    ),
    "plugin for async tests": Lack(
        files={"test_a.py": "async def test_a(): pass\n"},
        missing=(("async", "", ""),),
        since=(4, 6),
    ),
    "program": Lack(
        files={
            "test_a.py": "import subprocess\ndef test_a():\n    subprocess.check_call(['no-git'])\n"
            "def test_b():\n    subprocess.check_call('no-make x', shell=True)\n"
        },
        missing=(("executable", "no-git", "test_a.py"), ("executable", "no-make", "test_a.py")),
    ),
    "shared library": Lack(
        files={"test_a.py": f"import ctypes\nctypes.CDLL('libNo.so.1')\n{PASSING}"},
        missing=(("library", "libNo.so.1", "test_a.py"),),
    ),
    "environment variable": Lack(
        files={"test_a.py": f"import os\na = os.environ['NOT_SET']\n{PASSING}"},
        missing=(("variable", "NOT_SET", "test_a.py"),),
    ),
    "module of a warning filter": Lack(
        files={
            "pytest.ini": ini("filterwarnings =\n    error\n    ignore::not_there.Warn"),
            "test_a.py": PASSING,
        },
        missing=(("module", "not_there", ""),),
        since=(3, 6),
    ),
    "other import mode": Lack(
        files={"a/test_x.py": PASSING, "b/test_x.py": PASSING},
        arguments=("a/test_x.py", "b/test_x.py"),
        missing=(("import-mismatch", "b/test_x.py", "b/test_x.py"),),
    ),
    "nothing": Lack(
        files={"test_a.py": "def test_a():\n    data = {}\n    data['UPPER']\n"}, missing=()
    ),
}
