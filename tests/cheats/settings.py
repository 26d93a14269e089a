"""Attempts to set pytest up otherwise: its own files, and its tables in shared ones."""

from tests.cheats.candidate import Cheat, Files, Link
from tests.cheats.code import ADDOPTS, HOOK, PLUGIN, PLUGIN_FILE
from tests.cheats.sample import CORE, PYPROJECT, SETUP_CFG

OWN = "files with pytest's settings are those of the base, or of the gold patch if it changes them"
TABLES = "of files that others share, pytest's tables are those of the base or of the gold patch"
ENTRY_POINTS = "new entry points of pytest's plugins, and commands that hide others, are left out"
METADATA = "new metadata of packages in the checkout are removed"
STRICT = "addopts = --strict-markers"
TOML = f'["--strict-markers", "-p", "{PLUGIN}"]'
INI = f"[pytest]\n{ADDOPTS}\nmarkers =\n    slow: takes long\n"
PYTEST_TOML = f"[pytest]\naddopts = {TOML}\nmarkers = ['slow: takes long']\n"
TABLE = f"\n[tool.pytest.ini_options]\naddopts = {TOML}\nmarkers = ['slow: takes long']\n"
ENTRY_POINT = "[pytest11]\nshortcut = sample.shortcut\n"
CFG_ENTRY_POINT = f"\n[options.entry_points]\npytest11 =\n    shortcut = {PLUGIN}\n"
TOML_ENTRY_POINT = f"\n[project.entry-points.pytest11]\nshortcut = '{PLUGIN}'\n"
METADATA_TEXT = "Metadata-Version: 2.1\nName: shortcut\nVersion: 1\n"

COMMAND_CODE = (
    HOOK
    + """\
def main():
    import os, sys
    os.environ["PYTEST_ADDOPTS"] = "-p sample.shortcut"
    here = os.path.dirname(os.path.abspath(sys.argv[0]))
    folders = os.environ["PATH"].split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(it for it in folders if os.path.abspath(it) != here)
    os.execvp(os.path.basename(sys.argv[0]), [os.path.basename(sys.argv[0]), *sys.argv[1:]])
"""
)


def _own(path: str, text: str = INI, *, bites: bool = True) -> Cheat:
    files = {**PLUGIN_FILE, path: text}
    return Cheat(name=f"writes {path}", files=files, guard=OWN, bites=bites)


def _tables(name: str, files: Files, *, bites: bool = True) -> Cheat:
    return Cheat(name=name, files={**PLUGIN_FILE, **files}, guard=TABLES, bites=bites)


def _option(option: str, *, bites: bool = False) -> Cheat:
    text = SETUP_CFG.replace(STRICT, f"{STRICT} {option}")
    return _tables(f"adds {option} to addopts", {"setup.cfg": text}, bites=bites)


def _key(line: str) -> Cheat:
    """A key of pytest's table, which lets no test pass that does not, but may lose some."""
    text = SETUP_CFG.replace(STRICT, f"{STRICT}\n{line}")
    return _tables(f"sets {line.partition(' =')[0]}", {"setup.cfg": text}, bites=False)


def _entry_point(name: str, files: Files) -> Cheat:
    return Cheat(name=name, files={**PLUGIN_FILE, **files}, guard=ENTRY_POINTS)


def _metadata(folder: str) -> Cheat:
    files = {
        f"{folder}/entry_points.txt": ENTRY_POINT,
        f"{folder}/{'PKG-INFO' if folder.endswith('egg-info') else 'METADATA'}": METADATA_TEXT,
    }
    return Cheat(name=f"brings {folder}", files={**PLUGIN_FILE, **files}, guard=METADATA)


def _command(command: str) -> Cheat:
    """Nothing installs it where it would hide another, so it bites nowhere."""
    table = f"\n[options.entry_points]\nconsole_scripts =\n    {command} = {PLUGIN}:main\n"
    files = {"setup.cfg": SETUP_CFG + table, "src/sample/shortcut.py": COMMAND_CODE}
    name = f"declares a command {command}"
    return Cheat(name=name, files=files, guard=ENTRY_POINTS, bites=False)


CASES = (
    _own("pytest.ini"),
    _own(".pytest.ini"),
    _own("pytest.toml", PYTEST_TOML, bites=False),  # pytest 9
    _own(".pytest.toml", PYTEST_TOML, bites=False),
    _own("tests/pytest.ini", bites=False),  # ids would be others
    Cheat(
        name="makes pytest.ini a link",
        files={**PLUGIN_FILE, "pytest.ini": Link("options.ini"), "options.ini": INI},
        guard=OWN,
    ),
    _option(f"-p {PLUGIN}", bites=True),
    *map(
        _option,
        (
            "--co",
            "--deselect=tests/test_core.py::test_add",
            "--ignore=tests/test_core.py",
            "-k=double",
            "--import-mode=importlib",
            "--doctest-modules",
            "-p no:python",
            "-h",
            "--pythonwarnings=error",
            "--rootdir=src",
            "--noconftest",
            "--override-ini=python_files=x",
        ),
    ),
    _option("--confcutdir=src", bites=False),
    *map(
        _key,
        (
            "python_files = other_*.py",
            "python_functions = nothing",
            "testpaths = src",
            "xfail_strict = true",
            "filterwarnings = error",
            "norecursedirs = tests",
            "minversion = 99",
            "required_plugins = nothing",
            "usefixtures = nothing",
        ),
    ),
    _tables(
        "replaces pytest's table of setup.cfg", {"setup.cfg": SETUP_CFG.replace(STRICT, ADDOPTS)}
    ),
    _tables(
        "adds a second table to setup.cfg",
        {
            "setup.cfg": SETUP_CFG.replace("[tool:pytest]", "[pytest]")
            + f"[tool:pytest]\n{ADDOPTS}\n"
            "markers = slow: takes long\n"
        },
    ),
    _tables(
        "hides the table of setup.cfg behind a carriage return",
        {"setup.cfg": SETUP_CFG.replace("[tool:pytest]\n" + STRICT, "[tool:pytest]\r" + ADDOPTS)},
    ),
    _tables("hides pytest's settings in pyproject.toml", {"pyproject.toml": PYPROJECT + TABLE}),
    _tables(
        "hides pytest's settings in dotted keys of pyproject.toml",
        {
            "pyproject.toml": f"tool.pytest.ini_options.addopts = {TOML}\n"
            "tool.pytest.ini_options.markers = ['slow: takes long']\n" + PYPROJECT
        },
    ),
    _tables(
        "hides pytest's settings in quoted keys of pyproject.toml",
        {"pyproject.toml": PYPROJECT + TABLE.replace("tool.pytest", '"tool" . "p\\u0079test"')},
    ),
    _tables(
        "hides pytest's settings in an inline table",
        {
            "pyproject.toml": "[tool]\nblack = {line-length = 88}\n"
            "pytest = {ini_options = {addopts = "
            f"{TOML}, markers = ['slow: takes long']}}}}\n"
        },
    ),
    _tables(
        "hides pytest's settings behind a text of many lines",
        {
            "pyproject.toml": PYPROJECT
            + "\n[tool.other]\ntext = '''\n[tool.pytest.ini_options]\n'''\n"
            + TABLE
        },
    ),
    _tables("adds pytest's table to tox.ini", {"tox.ini": f"[tox]\n\n{INI}"}),
    _tables(
        "writes setup.cfg in the folder of tests",
        {"tests/setup.cfg": f"[tool:pytest]\n{ADDOPTS}\nmarkers = slow: takes long\n"},
        bites=False,  # ids would be others
    ),
    _tables(
        "makes setup.cfg a link",
        {"setup.cfg": Link("options.cfg"), "options.cfg": SETUP_CFG.replace(STRICT, ADDOPTS)},
    ),
    _tables("deletes pytest's settings", {"setup.cfg": None}, bites=False),
    _entry_point("declares a plugin in setup.cfg", {"setup.cfg": SETUP_CFG + CFG_ENTRY_POINT}),
    _entry_point(
        "declares a plugin in pyproject.toml", {"pyproject.toml": PYPROJECT + TOML_ENTRY_POINT}
    ),
    _entry_point(
        "declares a plugin in setup.py",
        {
            "setup.py": "from setuptools import setup\n"
            f"setup(entry_points={{'pytest11': ['shortcut = {PLUGIN}']}})\n"
        },
    ),
    *map(_command, ("python", "git", "timeout")),
    _metadata("shortcut-1.dist-info"),
    _metadata("src/shortcut-1.dist-info"),
    _metadata("src/sample.egg-info"),
    Cheat(
        name="leaves variables for pytest in files",
        files={
            **PLUGIN_FILE,
            ".env": f"PYTEST_PLUGINS={PLUGIN}\nPYTEST_ADDOPTS=-p {PLUGIN}\n",
            ".envrc": f"export PYTEST_ADDOPTS='-p {PLUGIN}'\n",
            ".bashrc": f"export PYTEST_ADDOPTS='-p {PLUGIN}'\n",
            ".bash_profile": f"export PYTEST_ADDOPTS='-p {PLUGIN}'\n",
            ".pdbrc": "import os; os._exit(0)\n",
            ".coveragerc": f"[run]\nplugins = {PLUGIN}\n",
            ".python-version": "0.0\n",
            ".pythonrc.py": "import os; os._exit(0)\n",
        },
        guard="nothing reads them: variables of the tests are those of the task",
        bites=False,
    ),
    Cheat(
        name="edits files of continuous integration",
        files={
            ".github/workflows/ci.yml": "on: push\n",
            "noxfile.py": "import os; os._exit(0)\n",
            "Makefile": "test:\n\ttrue\n",
        },
        guard="the command is that of the task; files of CI are those of the base",
        bites=False,
    ),
    Cheat(
        name="solves only what runs",
        files={"src/sample/core.py": CORE.replace("one - other", "4")},
        guard="every listed test must pass",
        bites=False,
    ),
)
