"""What a patch adds to an editable install is there when the tests run, in each kind of sandbox."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import BuiltInstance, Outcome, RunSpec, RunStatus
from curate.builders.sandbox.local import run_locally
from curate.harness.eval_script import render_eval_script
from tests.helpers.editable import install_editable

Files = dict[str, str]

PYTEST = "python -m pytest -q -p no:cacheprovider --import-mode=importlib tests"
SETUP_PY = "from setuptools import setup\nsetup(name='thing', version='1', {})\n"
PROJECT = '[project]\nname = "thing"\nversion = "1"\n'
SETUPTOOLS = PROJECT + "[tool.setuptools]\n"
HATCH = PROJECT + '[build-system]\nbuild-backend = "hatchling.build"\nrequires = ["hatchling"]\n'
REDIRECTED = HATCH + "[tool.hatch.build]\ndev-mode-exact = true\n"
PACKAGE = {"thing/__init__.py": "import os\n", "thing/types.py": "shadow = True\n"}
SOURCE = {f"src/{name}": text for name, text in PACKAGE.items()}
TESTED = {"tests/test_a.py": "import thing\ndef test_old(): assert thing.os\n"}

# Kind of install -> backend, files at the base, folder of new packages.
INSTALLS: dict[str, tuple[str, Files, str]] = {
    "flat packages": (
        "setuptools.build_meta",
        {"pyproject.toml": SETUPTOOLS + 'packages = ["thing"]\n', **PACKAGE},
        "",
    ),
    "found packages": (
        "setuptools.build_meta",
        {"pyproject.toml": PROJECT, "docs/conf.py": "", **PACKAGE},
        "",
    ),
    "src": ("setuptools.build_meta", {"pyproject.toml": PROJECT, **SOURCE}, "src/"),
    "src, mapped": (
        "setuptools.build_meta",
        {
            "pyproject.toml": SETUPTOOLS
            + 'packages = ["thing", "plugins"]\n'
            + 'package-dir = {thing = "src/thing", plugins = "p"}\n',
            "p/__init__.py": "",
            **SOURCE,
        },
        "src/",
    ),
    "modules": (
        "setuptools.build_meta",
        {"setup.py": SETUP_PY.format("py_modules=['thing']"), "thing.py": "import os\n"},
        "",
    ),
    "develop": (
        "develop",
        {"setup.py": SETUP_PY.format("packages=['thing']"), **PACKAGE},
        "",
    ),
    "develop, src": (
        "develop",
        {"setup.py": SETUP_PY.format("packages=['thing'], package_dir={'': 'src'}"), **SOURCE},
        "src/",
    ),
    "hatch": ("hatchling.build", {"pyproject.toml": HATCH, **PACKAGE}, ""),
    "hatch, redirected": ("hatchling.build", {"pyproject.toml": REDIRECTED, **PACKAGE}, ""),
}
ADDED = {
    "package": {
        "package/__init__.py": "from package.inner import word\n",
        "package/inner.py": "word = 2\n",
    },
    "module": {"module.py": "word = 2\n"},
    "namespace": {"namespace/inner.py": "word = 2\n"},
}
NAMES = {"package": "package", "module": "module", "namespace": "namespace.inner"}
USE = """\
import importlib, os, subprocess, sys, types
from pathlib import Path
import pytest

@pytest.mark.parametrize("name", {names!r})
def test_added(name):
    module = importlib.import_module(name)
    assert module.word == 2
    assert Path(module.__file__).is_relative_to(Path.cwd())

def test_elsewhere():
    code = "import {imports}, thing, types; print(thing.__file__, hasattr(types, 'shadow'))"
    out = subprocess.check_output([sys.executable, "-c", code], cwd="/", text=True).split()
    assert Path(out[0]).is_relative_to(Path.cwd()) and out[1] == "False"
"""


def diff(checkout: Path, files: Mapping[str, str | None]) -> bytes:
    """The patch that writes *files*; the checkout is as before afterwards."""
    for name, text in files.items():
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run([*git, "add", "-A"], cwd=checkout, check=True)
    made = subprocess.run(
        [*git, "diff", "--cached", "--binary", "HEAD"],
        cwd=checkout,
        check=True,
        capture_output=True,
    ).stdout
    subprocess.run([*git, "reset", "-q", "--hard"], cwd=checkout, check=True)
    return made


def run_in_place(built: BuiltInstance, tests: bytes, gold: bytes) -> dict[str, str]:
    """Statuses by test, of the evaluation script on the checkout itself."""
    checkout = Path(built.handle) / "checkout"
    subprocess.run(["git", "apply", "-"], input=gold, cwd=checkout, check=True)
    script = render_eval_script(
        test_patch=tests, test_command=PYTEST, gold=gold, testbed=str(checkout)
    )
    environment = {"PATH": f"{built.handle}/venv/bin:/usr/bin:/bin", "HOME": built.handle}
    done = subprocess.run(
        ["bash"], input=script, env=environment, capture_output=True, text=True, check=False
    )
    assert "not renewed" not in done.stdout
    lines = (line.split() for line in done.stdout.splitlines())
    found = {it[1].partition("::")[2]: it[0] for it in lines if len(it) == 2 and "::" in it[1]}
    assert found, done.stdout + done.stderr
    return found


def run_copied(built: BuiltInstance, tests: bytes, gold: bytes) -> dict[str, str]:
    """Statuses by test, of a run in the local sandbox."""
    result = run_locally(built, RunSpec(command=PYTEST, patches=(tests, gold)))
    assert result.status is RunStatus.COMPLETED, result.output.decode()
    return {
        name.partition("::")[2]: "PASSED" if outcome is Outcome.PASSED else result.output.decode()
        for name, outcome in result.outcomes.items()
    }


def every_kind(default: str) -> list[Any]:
    """Each kind of install with all of `ADDED`, and with each: heavy but for the *default* kind."""
    pairs = [(kind, tuple(ADDED)) for kind in INSTALLS]
    alone = [
        pytest.param(kind, (one,), marks=() if kind == default else pytest.mark.heavy)
        for kind in INSTALLS
        for one in ADDED
    ]
    return [*pairs, *alone]


@pytest.mark.parametrize(("kind", "added"), every_kind("src"))
def test_new_top_level_names_can_be_imported(
    kind: str, added: Sequence[str], tmp_path: Path
) -> None:
    backend, files, place = INSTALLS[kind]
    built = install_editable(tmp_path / "built", {**files, **TESTED}, backend)
    checkout = tmp_path / "built" / "checkout"
    names = [NAMES[it] for it in added]
    code = USE.format(names=names, imports=", ".join(names))
    tests = diff(checkout, {"tests/test_new.py": code})
    gold = diff(
        checkout, {f"{place}{path}": text for it in added for path, text in ADDED[it].items()}
    )
    told = {"test_old", "test_elsewhere", *(f"test_added[{name}]" for name in names)}
    expected = dict.fromkeys(told, "PASSED")
    assert run_copied(built, tests, gold) == expected
    assert run_in_place(built, tests, gold) == expected


def test_a_package_that_changed_metadata_name(tmp_path: Path) -> None:
    toml = SETUPTOOLS + 'packages = ["thing"]\n'
    files = {"pyproject.toml": toml, "newer/__init__.py": "word = 2\n", **PACKAGE, **TESTED}
    built = install_editable(tmp_path / "built", files)
    checkout = tmp_path / "built" / "checkout"
    tests = diff(checkout, {"tests/test_new.py": USE.format(names=["newer"], imports="newer")})
    gold = diff(checkout, {"pyproject.toml": toml.replace('["thing"]', '["thing", "newer"]')})
    assert run_copied(built, tests, diff(checkout, {"x": "y\n"}))["test_elsewhere"] != "PASSED"
    assert run_copied(built, tests, gold)["test_elsewhere"] == "PASSED"
    assert run_in_place(built, tests, gold)["test_elsewhere"] == "PASSED"


def test_an_ordinary_patch_renews_nothing(tmp_path: Path) -> None:
    backend, files, _ = INSTALLS["flat packages"]
    built = install_editable(tmp_path / "built", {**files, **TESTED}, backend)
    checkout = tmp_path / "built" / "checkout"
    code = "import os, sys\ndef test_path(): assert 'renewed' not in ''.join(sys.path)\n"
    code += "def test_names():\n    import importlib.util\n"
    code += "    assert not importlib.util.find_spec('helpers')\n"
    tests = diff(checkout, {"tests/test_new.py": code, "tests/helpers/__init__.py": ""})
    gold = diff(checkout, {"thing/more.py": "", "docs/conf.py": "", "test_other.py": ""})
    found = run_in_place(built, tests, gold)
    assert found == {"test_old": "PASSED", "test_path": "PASSED", "test_names": "PASSED"}


ENTRY_POINTS: dict[str, tuple[str, Files, Files]] = {
    "project": (
        "setuptools.build_meta",
        {"pyproject.toml": PROJECT + '[project.scripts]\nold-thing = "thing:old"\n'},
        {
            "pyproject.toml": PROJECT + '[project.scripts]\nold-thing = "thing:old"\n'
            'new-thing = "thing:new"  # more\n'
            '[project.entry-points."thing.plugins"]\na = "thing:new"\n'
        },
    ),
    "inline": (
        "hatchling.build",
        {"pyproject.toml": HATCH.replace("[build", 'scripts = {old-thing = "thing:old"}\n[build')},
        {
            "pyproject.toml": HATCH.replace(
                "[build",
                'scripts = {old-thing = "thing:old", new-thing = "thing:new"}\n'
                "[project.entry-points.'thing.plugins']\na = 'thing:new'\n[build",
            )
        },
    ),
    "setup.cfg": (
        "setuptools.build_meta",
        {
            "setup.cfg": "[metadata]\nname = thing\nversion = 1\n[options]\npackages = thing\n"
            "[options.entry_points]\nconsole_scripts =\n    old-thing = thing:old\n"
        },
        {
            "setup.cfg": "[metadata]\nname = thing\nversion = 1\n[options]\npackages = thing\n"
            "[options.entry_points]\nconsole_scripts =\n    old-thing = thing:old\n"
            "    new-thing = thing:new\nthing.plugins =\n    a = thing:new\n"
        },
    ),
    "setup.py": (
        "develop",
        {
            "setup.py": SETUP_PY.format(
                "packages=['thing'], entry_points={'console_scripts': ['old-thing = thing:old']}"
            )
        },
        {
            "setup.py": SETUP_PY.format(
                "packages=['thing'], entry_points={'console_scripts': ['old-thing = thing:old',"
                " 'new-thing = thing:new'], 'thing.plugins': 'a = thing:new'}"
            )
        },
    ),
}
USE_ENTRY_POINTS = """\
import importlib.metadata as metadata
import subprocess

def test_points():
    (point,) = metadata.entry_points(group="thing.plugins")
    assert point.load()() is None
    names = {it.name for it in metadata.entry_points(group="console_scripts")}
    assert {"old-thing", "new-thing"} <= names
    assert metadata.version("thing") == "1"
    assert len([it for it in metadata.distributions() if it.metadata["Name"] == "thing"]) >= 1

def test_command():
    assert subprocess.check_output(["new-thing"], text=True) == "new\\n"
"""


@pytest.mark.parametrize("kind", ENTRY_POINTS)
def test_new_entry_points_and_commands_are_found(kind: str, tmp_path: Path) -> None:
    backend, before, after = ENTRY_POINTS[kind]
    code = {"thing/__init__.py": "import os\ndef old(): print('old')\ndef new(): print('new')\n"}
    built = install_editable(tmp_path / "built", {**before, **code, **TESTED}, backend)
    checkout = tmp_path / "built" / "checkout"
    tests = diff(checkout, {"tests/test_new.py": USE_ENTRY_POINTS})
    gold = diff(checkout, after)
    expected = {"test_old": "PASSED", "test_points": "PASSED", "test_command": "PASSED"}
    assert run_copied(built, tests, gold) == expected
    assert run_in_place(built, tests, gold) == expected


def test_parents_of_namespaces_do_not_hide_the_standard_library(tmp_path: Path) -> None:
    toml = SETUPTOOLS + 'packages = ["thing", "thing.space.inner", "thing_plugins.one"]\n'
    files = {
        "pyproject.toml": toml,
        "thing/space/inner/__init__.py": "",
        "thing_plugins/one/__init__.py": "from pathlib import Path\nplace = Path(__file__)\n",
        "thing_plugins/json.py": "raise ImportError\n",
        **PACKAGE,
        **TESTED,
    }
    built = install_editable(tmp_path / "built", files)
    code = "import json, types, thing.types, thing.space.inner\nfrom pathlib import Path\n"
    code += "from thing_plugins.one import place\n"
    code += "def test_types(): assert thing.types.shadow and not hasattr(types, 'shadow')\n"
    code += "def test_place(): assert place.is_relative_to(Path.cwd())\n"
    tests = diff(tmp_path / "built" / "checkout", {"tests/test_new.py": code})
    found = run_copied(built, tests, b"")
    assert found == {"test_old": "PASSED", "test_types": "PASSED", "test_place": "PASSED"}


def test_the_environments_own_sitecustomize_runs_as_well(tmp_path: Path) -> None:
    backend, files, _ = INSTALLS["flat packages"]
    built = install_editable(tmp_path / "built", {**files, **TESTED}, backend)
    (site,) = Path(built.handle).glob("venv/lib/python*/site-packages")
    (site / "sitecustomize.py").write_text("import sys\nsys.customized = __name__\n")
    code = "import sys\ndef test_custom(): assert sys.customized == 'sitecustomize'\n"
    tests = diff(tmp_path / "built" / "checkout", {"tests/test_new.py": code})
    assert run_copied(built, tests, b"")["test_custom"] == "PASSED"
