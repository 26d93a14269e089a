"""What a run found missing is answered by a distribution, and the tests run again."""

from functools import partial
from pathlib import Path

import pytest

from curate.builders.model import (
    BuiltInstance,
    InstanceSpec,
    Outcome,
    RunResult,
    RunSpec,
    RunStatus,
)
from curate.environments import build
from tests.helpers.repaired_world import (
    IN_INDEX,
    SIBLING,
    TEST,
    Sandbox,
    Try,
    conftest_error,
    lacks,
    resolve,
    try_candidate,
)


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    monkeypatch.setattr(build, "compile_lock", resolve)
    return partial(try_candidate, tmp_path)


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
        ("yaml", "pyyaml", {"ci/deps/38.yaml": "dependencies: [pyyaml]"}, "ci/deps/38.yaml"),
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


def test_of_the_versions_that_ci_tests_the_newest_counts(tried: Try) -> None:
    files = {
        ".travis.yml": "env:\n  - TRUSTME='trustme>=0.1'\ninstall:\n  - pip install $TRUSTME\n",
        "tox.ini": "[testenv]\ndeps =\n  a: trustme==0.4\n  b: trustme==0.10\n  c: trustme<0.9\n",
    }
    found = tried(lacks(trustme=conftest_error("trustme")), files)
    assert found.added == ["added trustme==0.10: tests/conftest.py imports trustme (tox.ini)"]


def test_conda_names_in_environment_files_are_no_names_of_the_index(
    tried: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = IN_INDEX | {"iris", "scitools-iris"}
    monkeypatch.setattr("tests.helpers.repaired_world.IN_INDEX", index)
    files = {"ci/env.yml": "dependencies:\n  - both\n  - iris>=3\n"}
    found = tried(lacks(scitools_iris=conftest_error("iris")), files)
    assert found.record.is_verified
    assert found.added == ["added scitools-iris>=3: tests/conftest.py imports iris (ci/env.yml)"]


def test_what_the_repository_names_a_little_later_counts(tried: Try) -> None:
    later = {"requirements-test.txt": "late>=9,<10\n"}  # 9 may be released by then
    found = tried(lacks(late=conftest_error("late")), later=later)
    assert found.record.is_verified
    assert found.added[0].startswith(
        "added late<10: tests/conftest.py imports late (requirements-test.txt of 2020-02-"
    )


@pytest.mark.parametrize(
    ("declared", "added"),
    [
        ("both<1.0\n", ["required both<1.0"]),
        ("both==0.9\n", ["required both==0.9"]),
        ("both!=1\n", ["required both!=1"]),
        ("both>=2\n", []),
        ("both==3\n", []),
        ("both\n", []),
    ],
)
def test_a_library_that_is_too_new_is_bounded_as_the_repository_did_later(
    tried: Try, declared: str, added: list[str]
) -> None:
    text = "tests/test_m.py:1: in <module>\nE   ImportError: cannot import name 'x' from 'both'\n"

    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        return "" if "both==0" in instance.lock.packages else text

    setup = {"requirements.txt": "both\n"}
    found = tried(complain, setup, {"requirements.txt": declared}, requirements={"files": [*setup]})
    assert [note.split(":")[0] for note in found.added] == added
    assert found.record.is_verified == bool(added)


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
    assert [it for it in found.sandbox.commands if it.startswith("pytest")] == [
        "pytest tests/test_m.py"
    ]


@pytest.mark.parametrize("module", ["proj._speedups", "proj", "helpers.data", "beside", "tests"])
def test_modules_of_the_project_are_never_taken_from_the_index(
    tried: Try, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = module.partition(".")[0]
    monkeypatch.setattr("tests.helpers.repaired_world.IN_INDEX", IN_INDEX | {top, "proj-speedups"})
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


def test_a_file_that_skips_all_its_tests_says_itself_what_it_misses(
    tried: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_tests(sandbox: Sandbox, built: BuiltInstance, spec: RunSpec) -> RunResult:
        if "trustme==1" in sandbox.specs[built.handle].lock.packages:
            return run_them(sandbox, built, spec)
        return RunResult(status=RunStatus.COMPLETED, outcomes={TEST: Outcome.SKIPPED})

    run_them = Sandbox.run_tests
    monkeypatch.setattr(Sandbox, "run_tests", run_tests)
    monkeypatch.setattr(
        "tests.helpers.repaired_world.CHANGED_TEST", "import pytest\npytest.importorskip('trustme')"
    )
    found = tried(lacks(), {"tox.ini": "[testenv]\ndeps = trustme\n"})
    assert found.record.is_verified
    assert found.added == ["added trustme: tests/test_m.py imports trustme (tox.ini)"]
