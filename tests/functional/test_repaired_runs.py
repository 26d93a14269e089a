"""What else a run found missing: options, programs, variables, interpreters; and interruptions."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import (
    BuiltInstance,
    Failure,
    InstanceSpec,
    RunSpec,
)
from curate.builders.requirements import Manifest
from curate.core.model import Validation
from curate.environments import build, plan
from curate.environments.test_selection import TestSelection
from curate.recipes import Recipe
from curate.store import Store
from curate.validate.attempts import validate_candidate
from tests.helpers.fakes import make_context
from tests.helpers.repaired_world import (
    OPTIONS,
    TEST,
    Sandbox,
    Try,
    World,
    conftest_error,
    lacks,
    resolve,
    try_candidate,
)


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    monkeypatch.setattr(build, "compile_lock", resolve)
    return partial(try_candidate, tmp_path)


def usage(options: str) -> str:
    return f"ERROR: usage: pytest [options]\npytest: error: unrecognized arguments: {options}\n"


def test_an_option_of_the_recipe_counts_only_where_its_plugin_is_locked(tried: Try) -> None:
    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        words = [word for word in spec.command.split() if word.startswith(("--cov", "-n"))]
        return usage(" ".join(words)) if words else ""

    command = "pytest --cov=proj --cov-report term-missing -n 4 -q {tests}"
    found = tried(complain, test_command=command)
    assert found.record.test_command == "pytest -q tests/test_m.py"
    assert len(found.added) == 3
    assert "dropped --cov from the test command: pytest-cov is not installed" in found.added


def test_an_option_of_the_project_brings_its_plugin(tried: Try) -> None:
    found = tried(lacks(pytest_cov=usage("--cov --cov-report=term")))
    assert found.record.is_verified
    assert found.added == [
        "added pytest-cov: the project's options of pytest have --cov"
        " (named nowhere in the repository)"
    ]


def test_an_option_that_nothing_defines_is_overridden(tried: Try) -> None:
    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        return "" if "-o addopts=" in spec.command else usage("--odd=1")

    found = tried(complain)
    assert found.record.test_command == "pytest -o addopts= tests/test_m.py"


def test_programs_and_libraries_are_debian_packages(tried: Try) -> None:
    texts = {
        "git": "E   FileNotFoundError: [Errno 2] No such file or directory: 'git'\n",
        "libgl1": "E   ImportError: libGL.so.1: cannot open shared object file: No such file\n",
    }

    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        return next((texts[it] for it in texts if it not in instance.system_packages), "")

    found = tried(complain)
    assert found.record.is_verified and found.record.environment
    assert found.record.environment.system_packages == ("git", "libgl1")


def test_a_variable_is_set_as_the_repository_sets_it(tried: Try) -> None:
    text = (
        "tests/util.py:4: in <module>\n    DATA = os.environ['PROJ_DATA']\n"
        "/opt/python/lib/python3.7/os.py:669: in __getitem__\n    raise KeyError(key) from None\n"
        "E   KeyError: 'PROJ_DATA'\n"
    )

    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        return "" if spec.env_vars.get("PROJ_DATA") == "tests/data" else text

    found = tried(complain, {"tox.ini": "[testenv]\nsetenv =\n    PROJ_DATA = tests/data\n"})
    assert found.added == [
        "set PROJ_DATA=tests/data: tests/util.py reads this environment variable (tox.ini)"
    ]


def test_another_declared_python_is_tried(tried: Try) -> None:
    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        line = 'E     File "/testbed/proj/m.py", line 3\nE   SyntaxError: invalid syntax\n'
        return line if instance.python == "3.7" else ""

    found = tried(complain)
    assert found.record.is_verified and found.record.environment
    assert found.record.environment.python == "3.8"
    assert found.added == ["ran on Python 3.8, which the project declares: 3.7 does not verify"]


def test_a_python_of_the_recipe_stays(tried: Try) -> None:
    found = tried(lambda *_: "E   SyntaxError: invalid syntax\n", python="3.7")
    assert {spec.python for spec in found.sandbox.specs.values()} == {"3.7"}


@pytest.mark.parametrize(("version", "is_verified"), [("5.4.3", False), ("6.0", True)])
def test_files_of_one_name_are_imported_by_path_where_pytest_can(
    tried: Try, monkeypatch: pytest.MonkeyPatch, version: str, is_verified: bool
) -> None:
    text = "____ ERROR collecting tests/test_m.py ____\nimport file mismatch:\nimported module\n"

    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        return "" if "--import-mode=importlib" in spec.command else text

    def resolve_pytest(manifest: Manifest, **inputs: Any) -> Any:
        lock = resolve(manifest, **inputs)
        return replace(lock, text=lock.text.replace("pytest==1", f"pytest=={version}"))

    monkeypatch.setattr(build, "compile_lock", resolve_pytest)
    found = tried(complain)
    assert found.record.is_verified == is_verified
    assert ("--import-mode=importlib" in found.record.test_command) == is_verified


def test_files_that_do_not_go_together_are_left_out(
    tried: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two conftest files define one option: first the second one's tests go, then the others."""
    other = "b/test_n.py"
    text = (
        '  File "/testbed/b/conftest.py", line 2, in pytest_addoption\n'
        "    parser.addoption('--foo')\nValueError: option names {'--foo'} already added\n"
    )

    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        return text if spec.command.endswith(f"{other} {TEST}") else ""

    def select(*_: object, **__: object) -> TestSelection:
        return TestSelection(files=(other, TEST))

    monkeypatch.setattr(plan, "select_tests", select)
    found = tried(complain)
    assert found.record.is_verified
    assert found.record.test_command == f"pytest {TEST}"
    assert found.added == [
        "left out b/test_n.py: b/conftest.py and another file define one option of pytest"
    ]


def test_a_failed_install_says_what_it_misses(tried: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    log = "#6 0.58 curate-step: import\n#6 0.59 ModuleNotFoundError: No module named 'numpy'\n"

    def build_instance(sandbox: Sandbox, spec: InstanceSpec) -> BuiltInstance | Failure:
        if "numpy==1" in spec.lock.packages:
            return build_it(sandbox, spec)
        return Failure(stage="install", reason="install-failed", detail=log)

    build_it = Sandbox.build_instance
    monkeypatch.setattr(Sandbox, "build_instance", build_instance)
    found = tried(lacks(), {"requirements.txt": "numpy\n"})
    assert found.record.attempts == (
        "base requirements: install/install-failed",
        "base requirements, with numpy: verified",
    )


def test_debian_packages_that_do_not_exist_are_left_out(
    tried: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ("fish", "nushell", "python-foo")
    log = (
        "#4 8.1 E: Unable to locate package nushell\n"
        "#4 8.1 E: Package 'python-foo' has no installation candidate\n"
    )

    def build_instance(sandbox: Sandbox, spec: InstanceSpec) -> BuiltInstance | Failure:
        if spec.system_packages == ("fish",):
            return build_it(sandbox, spec)
        return Failure(stage="build", reason="environment-failed", detail=log)

    build_it = Sandbox.build_instance
    monkeypatch.setattr(Sandbox, "build_instance", build_instance)
    found = tried(lacks(), system_packages=wanted)
    assert found.record.is_verified
    assert found.record.environment and found.record.environment.system_packages == ("fish",)
    assert found.added == [
        "left out the Debian package nushell: there is none of this name",
        "left out the Debian package python-foo: there is none of this name",
    ]


@pytest.mark.parametrize("steps", [1, 2])
def test_interrupted_repairs_go_on_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setattr(build, "compile_lock", resolve)
    mirror, candidate = World(tmp_path, {}).make()
    complain = lacks(trustme=conftest_error("trustme"), pyyaml=conftest_error("yaml"))

    def finish(name: str, steps_left: int) -> tuple[Validation, list[str]]:
        commands: list[str] = []
        while True:
            sandbox = Sandbox(complain, steps_left=steps_left)
            with Store(tmp_path / name) as store:
                ctx = replace(make_context(store, sandbox, mirror), python_versions=("3.7",))
                try:
                    record = validate_candidate(candidate, Recipe(repo="owner/name"), OPTIONS, ctx)
                except KeyboardInterrupt:
                    commands += sandbox.commands
                    continue
            return record, commands + sandbox.commands

    whole, expected = finish("whole", 1 << 30)
    parts, commands = finish("parts", steps)
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    plain = [replace(it, started_at=moment, finished_at=moment) for it in (whole, parts)]
    assert plain[0] == plain[1] and whole.is_verified
    assert commands == expected, "nothing ran twice"
