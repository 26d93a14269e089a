"""The plugin in old and new pytest on old and new interpreters (needs the package index)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from curate.builders.model import Outcome, RunResult, RunStatus
from tests.functional.test_reporter import (
    lay_files,
    opened_by_tests,
    replaced_parts,
    run_reported,
)
from tests.helpers import file_reading, hanging, nose_style
from tests.helpers.sandbox_behaviours import BEHAVIOURS
from tests.helpers.sandbox_ids import FILES, OPTIONS
from tests.helpers.sandbox_ids import OUTCOMES as EXACT

VERSIONS = [("3.6", "4.6.11"), ("3.8", "6.2.5"), ("3.11", "8.3.5"), ("3.13", "9.0.0")]
BETWEEN = [("3.6", "7.0.1"), ("3.7", "4.6.11"), ("3.7", "5.4.3"), ("3.9", "7.4.4")]
PAIRS = [
    *(pytest.param(pair, id="-".join(pair)) for pair in VERSIONS),
    *(pytest.param(pair, id="-".join(pair), marks=pytest.mark.heavy) for pair in BETWEEN),
]


def interpreter(version: str) -> str:
    prefixes = (Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python{version}")
    found = next(iter(sorted(prefixes)), None)
    if found is None:
        pytest.skip(f"no Python {version} here")
    return str(found)


@pytest.fixture(scope="module", params=PAIRS)
def old_python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    python, version = request.param
    folder = tmp_path_factory.mktemp("venv")
    tool = [uv.find_uv_bin()]
    subprocess.run([*tool, "venv", "-q", "--python", interpreter(python), folder], check=True)
    install = ["pip", "install", "-q", "--python", str(folder / "bin" / "python")]
    subprocess.run([*tool, *install, f"pytest=={version}", "pytest-xdist"], check=True)
    return str(folder / "bin" / "python")


@pytest.mark.parametrize("name", ["every outcome", "ids are pytest's own", "unittest"])
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_outcomes(name: str, workers: str, old_python: str, tmp_path: Path) -> None:
    behaviour = next(each for each in BEHAVIOURS if each.name == name)
    (tmp_path / "project").mkdir()
    for file, text in behaviour.files.items():
        assert isinstance(text, str)
        (tmp_path / "project" / file).write_text(text, encoding="utf-8")
    report, exit_code, output = run_reported(tmp_path, workers, python=old_python)
    assert report.is_finished and not report.tampering, output
    assert report.exit_status == exit_code
    assert dict(report.outcomes) == behaviour.outcomes, output


def test_executed_lines(old_python: str, tmp_path: Path) -> None:
    behaviour = next(each for each in BEHAVIOURS if each.name == "executed lines")
    lay_files(tmp_path, {name: str(text) for name, text in behaviour.files.items()})
    assert behaviour.scope is not None
    plan = {"tests": [], "stop": False, "traced": behaviour.scope.traced, "variants": []}
    (tmp_path / "scope.json").write_text(json.dumps(plan))
    scope = str(tmp_path / "scope.json")
    report, _, output = run_reported(tmp_path, "-n2", python=old_python, CURATE_SCOPE=scope)
    result = RunResult(status=RunStatus.COMPLETED, executed=report.executed)
    assert not report.tampering and behaviour.also(result), (report.executed, output)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_hard_names_and_ends(workers: str, old_python: str, tmp_path: Path) -> None:
    for file, text in FILES.items():
        path = tmp_path / "project" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    report, _, output = run_reported(tmp_path, workers, *OPTIONS, python=old_python)
    assert report.is_finished and not report.tampering, output
    wrong = {name for name, _ in set(report.outcomes.items()) ^ set(EXACT.items())}
    assert not wrong, output


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_setups_in_the_style_of_nose(
    workers: str, request: pytest.FixtureRequest, old_python: str, tmp_path: Path
) -> None:
    version = request.node.callspec.params["old_python"][1]
    major = int(version.partition(".")[0])
    if major > 7:
        pytest.skip("pytest calls them no longer")
    for file, text in nose_style.FILES.items():
        path = tmp_path / "project" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    # What a module's teardown breaks is told of its last test on each worker.
    options = (workers, "--dist=loadfile", "-rA") if workers != "-n0" else (workers, "-rA")
    report, exit_code, output = run_reported(tmp_path, *options, python=old_python)
    assert report.is_finished and not report.tampering, output
    assert report.exit_status == exit_code
    older = nose_style.UP_TO_6 if major < 7 else {}
    assert dict(report.outcomes) == {**nose_style.OUTCOMES, **older}, output


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_tests_that_hang(workers: str, old_python: str, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "test_x.py").write_text(hanging.SHORT)
    report, exit_code, output = run_reported(tmp_path, workers, python=old_python, **hanging.LIMIT)
    # Of workers of xdist that are killed, pytest tells an error.
    failed = {
        name: Outcome.FAILED if it is Outcome.ERROR else it for name, it in report.outcomes.items()
    }
    assert failed == hanging.SHORT_OUTCOMES, output
    assert report.is_finished and not report.tampering and exit_code == 1


def test_death(old_python: str, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    code = "import os\ndef test_a(): pass\ndef test_b(): os._exit(0)\n"
    (tmp_path / "project" / "test_x.py").write_text(code)
    report, _, _ = run_reported(tmp_path, "-n0", python=old_python)
    assert not report.is_finished and not report.tampering
    assert report.outcomes == {
        "test_x.py::test_a": Outcome.PASSED,
        "test_x.py::test_b": Outcome.ERROR,
    }


def test_files_that_tests_read(
    request: pytest.FixtureRequest, old_python: str, tmp_path: Path
) -> None:
    folder = lay_files(tmp_path, file_reading.FILES)
    report, _, output = run_reported(folder, "-n2", python=old_python, CURATE_RECORD="run")
    assert report.is_finished and not report.tampering, output
    has_audit_hooks = request.node.callspec.params["old_python"][0] not in ("3.6", "3.7")
    more = file_reading.BY_COMMAND if has_audit_hooks else {}
    assert opened_by_tests(report) == file_reading.OPENED | more


def test_this_interpreter_is_not_what_is_tested(old_python: str) -> None:
    assert old_python != sys.executable


def test_replaced_parts_are_told(old_python: str, tmp_path: Path) -> None:
    assert "Function.runtest" in replaced_parts(tmp_path, old_python)
