"""What a run found missing is answered from the repository, the table or by name, then tried again.

Git, plans, locks' inputs and the store are real; resolver and sandbox are stand-ins: the sandbox
prints what pytest prints where the lock lacks what the test needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import (
    BuiltInstance,
    Failure,
    InstanceSpec,
    Outcome,
    RequirementsLock,
    RunResult,
    RunSpec,
    RunStatus,
)
from curate.builders.requirements import Manifest
from curate.core.model import Candidate, Validation
from curate.environments import build, plan
from curate.environments.context import ValidationOptions
from curate.environments.test_selection import TestSelection
from curate.recipes import Recipe
from curate.store import Store
from curate.validate.attempts import validate_candidate
from tests.helpers.factories import make_candidate
from tests.helpers.fakes import make_context
from tests.helpers.git_history import GitHistory

OPTIONS = ValidationOptions(runs=1, measure_strength=False)
IN_INDEX = {
    "trustme",
    "pyyaml",
    "pytest-mock",
    "pytest-cov",
    "numpy",
    "late",
    "both",
    "dataclasses",
}
SETUP = "from setuptools import setup\nsetup(name='proj', classifiers=['{}'])\n"
PYTHONS = "Programming Language :: Python :: 3.7', 'Programming Language :: Python :: 3.8"
TEST = "tests/test_m.py"

SIBLING = {
    "tools/helpers/other.py": "",
    "packages/beside/setup.py": "",
    "packages/beside/beside/__init__.py": "",
    "requirements.txt": "beside\n",
}

Printer = Callable[["Sandbox", set[str], InstanceSpec, RunSpec], str]


@dataclass
class Sandbox:
    """Runs one test, which passes with the gold patch if *complain* has nothing to say."""

    complain: Printer
    prints: str = ""
    name: str = "docker"
    steps_left: int = 1 << 30
    commands: list[str] = field(default_factory=list)
    specs: dict[str, InstanceSpec] = field(default_factory=dict)

    def layer_names(self, spec: InstanceSpec) -> dict[str, str]:
        return {"environment": spec.lock.text + " ".join(spec.system_packages)}

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        handle = f"{spec.lock.text}{spec.system_packages}{spec.env_vars}{spec.python}"
        self.specs[handle] = spec
        return BuiltInstance(
            name=spec.name, backend="docker", handle=handle, environment_key="k", digest=handle
        )

    def run_tests(self, built: BuiltInstance, spec: RunSpec) -> RunResult:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise KeyboardInterrupt
        self.commands.append(spec.command)
        instance = self.specs[built.handle]
        names = {package.partition("==")[0] for package in instance.lock.packages}
        text = self.complain(self, names, instance, spec)
        if text:
            return RunResult(
                status=RunStatus.CRASHED,
                exit_code=4,
                output=text.encode(),
                detail="the pytest session did not finish (exit code 4)",
            )
        fixed = b"+fixed" in b"".join(spec.patches)
        outcome = Outcome.PASSED if fixed else Outcome.FAILED
        return RunResult(
            status=RunStatus.COMPLETED,
            outcomes={f"{TEST}::test_a": outcome},
            output=self.prints.encode(),
        )

    def release_instance(self, name: str) -> None:
        """Nothing is held."""


def resolve(manifest: Manifest, *, python: str, cutoff: datetime, settings: object) -> Any:
    """Lock what the index has; what is optional and absent is dropped."""
    names = sorted({item.name for item in manifest.requirements} & IN_INDEX | {"pytest"})
    bounds = "".join(f"#{line}\n" for line in manifest.constraints)
    text = "".join(f"{name}==1\n" for name in names) + bounds
    return RequirementsLock(text=text, python=python, exclude_newer=cutoff)


def conftest_error(module: str) -> str:
    return (
        "ImportError while loading conftest '/testbed/tests/conftest.py'.\n"
        f"tests/conftest.py:3: in <module>\n    import {module}\n"
        f"E   ModuleNotFoundError: No module named '{module}'\n"
    )


def lacks(**needed: str) -> Printer:
    """Complain of the first of *needed* (distribution without dashes: message) that is missing."""

    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        plain = {name.replace("-", "_") for name in names}
        return next((text for name, text in needed.items() if name not in plain), "")

    return complain


@dataclass
class World:
    """A repository with these files at the base commit, and later ones."""

    folder: Path
    files: Mapping[str, str]
    later: Mapping[str, str] = field(default_factory=dict)

    def make(self) -> tuple[Path, Candidate]:
        git = GitHistory.new(self.folder / "work")
        base = git.change(
            {"setup.py": SETUP.format(PYTHONS), "proj/__init__.py": "", TEST: "", **self.files}
        )
        git.branch("pull")
        head = git.change({TEST: "changed"})
        git.checkout("main")
        git.clock += 40 * 86400
        git.change(self.later)
        candidate = replace(
            make_candidate(1),
            base_commit=base,
            head_commit=head,
            created_at=datetime.fromtimestamp(git.clock, UTC) - timedelta(days=39),
            patch=b"diff --git a/proj/m.py b/proj/m.py\n--- a/proj/m.py\n+++ b/proj/m.py\n"
            b"@@ -1 +1 @@\n-old\n+fixed\n",
            test_patch=f"diff --git a/{TEST} b/{TEST}\n--- a/{TEST}\n+++ b/{TEST}\n"
            "@@ -1 +1 @@\n-a\n+b\n".encode(),
        )
        return git.path / ".git", candidate


@dataclass
class Tried:
    record: Validation
    sandbox: Sandbox

    @property
    def added(self) -> list[str]:
        """The notes on what was changed, without those that every lock has."""
        environment = self.record.environment
        notes = environment.lock_adjustments if environment else ()
        return [note for note in notes if not note.endswith("it is not declared")]


Try = Callable[..., Tried]


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    monkeypatch.setattr(build, "compile_lock", resolve)

    def run(
        complain: Printer,
        files: Mapping[str, str] | None = None,
        later: Mapping[str, str] | None = None,
        prints: str = "",
        **env: Any,
    ) -> Tried:
        mirror, candidate = World(tmp_path, files or {}, later or {}).make()
        recipe = Recipe.model_validate({"repo": "owner/name", "env": [env]})
        sandbox = Sandbox(complain, prints)
        with Store(tmp_path / "store") as store:
            ctx = replace(make_context(store, sandbox, mirror), python_versions=("3.7", "3.8"))
            return Tried(validate_candidate(candidate, recipe, OPTIONS, ctx), sandbox)

    return run


def test_a_module_is_answered_from_a_script_of_the_repository(tried: Try) -> None:
    files = {"tox.ini": "[testenv]\ndeps =\n    trustme>=0.4\n    other\n"}
    found = tried(lacks(trustme=conftest_error("trustme")), files)
    assert found.record.is_verified
    assert found.record.attempts == (
        "base requirements: validate/crashed",
        "base requirements, with trustme>=0.4: verified",
    )
    assert found.added == ["added trustme>=0.4: tests/conftest.py imports trustme (tox.ini)"]


@pytest.mark.parametrize(
    ("module", "name", "files", "origin"),
    [
        ("yaml", "pyyaml", {"requirements/dev.txt": "PyYAML\n"}, "requirements/dev.txt"),
        ("yaml", "pyyaml", {"ci/install.sh": "pip install -U PyYAML pytest\n"}, "ci/install.sh"),
        ("yaml", "pyyaml", {"environment.yml": "dependencies: [pyyaml]"}, "environment.yml"),
        ("yaml", "pyyaml", {}, "named nowhere in the repository"),
        ("late.x", "late", {}, "named nowhere in the repository"),
        ("dataclasses", "dataclasses", {}, "named nowhere in the repository"),
    ],
)
def test_an_import_name_is_translated(
    tried: Try, module: str, name: str, files: dict[str, str], origin: str
) -> None:
    found = tried(lacks(**{name: conftest_error(module)}), files)
    assert found.record.is_verified
    (note,) = found.added
    assert note.lower() == f"added {name}: tests/conftest.py imports {module} ({origin})".lower()


def test_what_the_repository_names_a_little_later_counts(tried: Try) -> None:
    later = {"requirements-test.txt": "late==1\n"}
    found = tried(lacks(late=conftest_error("late")), later=later)
    assert found.record.is_verified
    assert found.added[0].startswith(
        "added late==1: tests/conftest.py imports late (requirements-test.txt of 2020-02-"
    )


def test_several_things_are_found_one_after_the_other(tried: Try) -> None:
    fixture = "____ ERROR at setup of test_a ____\nE       fixture 'mocker' not found\n"
    complain = lacks(
        trustme=conftest_error("trustme"), pyyaml=conftest_error("yaml"), pytest_mock=fixture
    )
    found = tried(complain)
    assert found.record.is_verified and len(found.record.attempts) == 4
    assert [note.split(":")[0] for note in found.added] == [
        "added trustme",
        "added pyyaml",
        "added pytest-mock",
    ]


def test_the_other_imports_of_a_file_cost_no_runs_of_their_own(tried: Try) -> None:
    files = {
        "tests/conftest.py": "import os\nimport trustme\nimport late\nfrom both import x\n"
        "import numpy\ntry:\n    import yaml\nexcept ImportError:\n    yaml = None\n",
        "requirements-test.txt": "trustme\nlate>=1\nPyYAML\npytest-mock\nboth\n",
    }
    chain = {it: conftest_error(it) for it in ("trustme", "late", "both", "numpy")}
    found = tried(lacks(**chain), files)
    assert found.record.is_verified
    assert found.record.attempts[1:] == (
        "base requirements, with trustme; late>=1; both: validate/crashed",
        "base requirements, with trustme; late>=1; both; numpy: verified",
    )


def test_there_are_at_most_three_repairs(tried: Try) -> None:
    chain = {it: conftest_error(it) for it in ("trustme", "late", "both", "numpy")}
    found = tried(lacks(**chain))
    assert len(found.record.attempts) == 4
    assert not found.record.is_verified


def test_an_addition_that_does_not_help_is_not_kept(tried: Try) -> None:
    """The index has a project with the module's name, but that is not what provides it."""
    found = tried(
        lambda *_: conftest_error("numpy"),
        {"requirements.txt": "numpy\n"},
        requirements={"files": []},
    )
    assert not found.record.is_verified
    assert not found.added
    assert found.record.verdict.rejection is not None
    assert found.record.verdict.rejection.detail.startswith(
        "tests/conftest.py: ModuleNotFoundError: No module named 'numpy' (post-patch run 1: "
    )


def test_an_addition_that_a_verified_run_does_not_need_is_omitted(tried: Try) -> None:
    """Some tests still fail for want of a module, however much is installed."""
    rest = "____ test_b ____\nE   ModuleNotFoundError: No module named 'numpy'\n"
    complain = lacks(trustme=conftest_error("trustme") + rest)
    found = tried(complain, prints=rest)
    assert found.record.is_verified
    assert found.record.attempts[1:] == (
        "base requirements, with trustme; numpy: verified",
        "base requirements, with trustme: verified",
    )
    assert [note.split(":")[0] for note in found.added] == ["added trustme"]


def test_what_the_index_does_not_have_costs_no_run(tried: Try) -> None:
    found = tried(lambda *_: conftest_error("nowhere"))
    assert len(found.sandbox.commands) == 1


@pytest.mark.parametrize("module", ["proj._speedups", "proj", "helpers.data", "beside", "tests"])
def test_modules_of_the_project_are_never_taken_from_the_index(
    tried: Try, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = module.partition(".")[0]
    monkeypatch.setattr(f"{__name__}.IN_INDEX", IN_INDEX | {top, "proj-speedups"})
    found = tried(lambda *_: conftest_error(module), SIBLING)
    locks = {spec.lock.text for spec in found.sandbox.specs.values()}
    assert not any(top in text for text in locks)


def test_a_distribution_beside_the_project_is_put_on_the_path(tried: Try) -> None:
    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        return "" if '$PWD/packages/beside"' in spec.command else conftest_error("beside")

    found = tried(complain, SIBLING)
    assert found.record.is_verified
    assert found.added == ["added packages/beside to PYTHONPATH: tests/conftest.py imports beside"]


def test_a_module_of_the_tests_is_put_on_the_path(tried: Try) -> None:
    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        return "" if "$PWD/tests/tools" in spec.command else conftest_error("helper")

    found = tried(complain, {"tests/tools/helper.py": ""})
    assert found.record.is_verified
    assert found.record.test_command == (
        'export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$PWD/tests/tools"; pytest tests/test_m.py'
    )
    assert found.added == ["added tests/tools to PYTHONPATH: tests/conftest.py imports helper"]


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
