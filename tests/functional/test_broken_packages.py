"""Packages that fail at import, and optional ones without which tests are skipped."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import (
    BuiltInstance,
    Failure,
    InstanceSpec,
    Outcome,
    RunResult,
    RunSpec,
    RunStatus,
)
from curate.builders.requirements import Manifest
from curate.environments import build
from curate.environments.evidence import RepositoryEvidence
from curate.environments.remedies import iter_remedies
from curate.environments.remedy import EnvironmentState, Symptom
from curate.validate.missing import find_cause, find_missing
from tests.functional.test_missing import print_of_pytest
from tests.helpers.missing_things import Lack
from tests.helpers.repaired_world import (
    IN_INDEX,
    TEST,
    Printer,
    Sandbox,
    Try,
    lacks,
    resolve,
    try_candidate,
)

INSTALLED = "env/lib/python3/site-packages"
LOADS = f"import sys\nsys.path.insert(0, '{INSTALLED}')\nimport helper\n"
BROKEN = (
    "ImportError while loading conftest '/testbed/tests/conftest.py'.\n"
    "tests/conftest.py:3: in <module>\n    import both\n"
    "/opt/venv/lib/python3.8/site-packages/both/__init__.py:1: in <module>\n"
    '    raise RuntimeError("""\nE   RuntimeError: \nE   \nE   Another project.\n'
)


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    monkeypatch.setattr(build, "compile_lock", resolve)
    return partial(try_candidate, tmp_path)


@pytest.mark.parametrize(
    ("code", "exception"),
    [
        ('raise RuntimeError("""\n\nAmbiguous package.\nUse another.""")\n', "RuntimeError"),
        ("import sys\nsys.no_such\n", "AttributeError: module 'sys' has no attribute 'no_such'"),
        ("from sys import no_such\n", "ImportError: cannot import name 'no_such' from 'sys'"),
        ("print 'x'\n", "SyntaxError"),
        ("def check():\n    raise ValueError('odd')\ncheck()\n", "ValueError: odd"),
    ],
)
@pytest.mark.parametrize("name", ["conftest.py", "test_a.py"])
def test_what_fails_at_import_is_named(
    name: str, code: str, exception: str, tmp_path: Path
) -> None:
    files = {
        "test_a.py": "def test_a(): pass\n",
        name: LOADS,
        "helper.py": "import a\n",
        f"{INSTALLED}/a/__init__.py": "from . import c\nimport b\n",
        f"{INSTALLED}/a/c.py": "",
        f"{INSTALLED}/b.py": code,
    }
    output = print_of_pytest(tmp_path, Lack(files=files, missing=()))
    (found,) = [it for it in find_missing(output) if it.kind == "broken-import"]
    assert (found.name, found.where.removeprefix(f"{tmp_path}/")) == ("a b", "helper.py"), output
    assert found.evidence.startswith(exception)
    assert "RuntimeError" not in exception or "Ambiguous package." in find_cause(output)


@pytest.mark.parametrize(
    ("code", "call"),
    [("import no_such\n", ""), ("def fail():\n    raise ValueError\n", "a.fail()")],
)
def test_what_fails_otherwise_is_no_broken_package(code: str, call: str, tmp_path: Path) -> None:
    files = {
        "test_a.py": f"{LOADS}import a\ndef test_a():\n    {call or 'pass'}\n",
        "helper.py": "",
        f"{INSTALLED}/a.py": code,
    }
    output = print_of_pytest(tmp_path, Lack(files=files, missing=()))
    assert "broken-import" not in {it.kind for it in find_missing(output)}, output


def complain_of_both(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
    return BROKEN if "both==1" in instance.lock.packages else ""


def test_a_broken_package_takes_the_version_of_later_declarations(tried: Try) -> None:
    sources = {"files": ["requirements.txt"]}
    files = {"requirements.txt": "both\n"}
    later = {"requirements.txt": "both<1\n"}
    found = tried(complain_of_both, files, later, requirements=sources)
    assert found.record.is_verified
    (note,) = found.added
    assert note == "required both<1: tests/conftest.py imports both, which fails"


def test_a_broken_package_that_only_files_name_is_left_out(tried: Try) -> None:
    sources = {"files": ["requirements.txt"]}
    found = tried(complain_of_both, {"requirements.txt": "both\nlate\n"}, requirements=sources)
    assert found.record.is_verified
    assert found.record.attempts[-1] == "base requirements, with no both: verified"
    assert found.added == ["left out both: tests/conftest.py imports both, which fails"]
    assert "late==1" in found.sandbox.specs.popitem()[1].lock.packages


def test_a_broken_package_of_the_metadata_stays(tried: Try) -> None:
    setup = "from setuptools import setup\nsetup(name='proj', install_requires=['both'])\n"
    files = {"setup.py": setup, "requirements.txt": "both\n"}
    found = tried(complain_of_both, files, requirements={"files": ["requirements.txt"]})
    assert not found.record.is_verified
    rejection = found.record.verdict.rejection
    assert rejection and rejection.detail.startswith(
        "tests/conftest.py: RuntimeError: Another project."
    )
    assert not any("no both" in it for it in found.record.attempts)


@pytest.mark.parametrize(
    "line",
    [
        "E   ValueError: numpy.dtype size changed, may indicate binary incompatibility",
        "A module that was compiled using NumPy 1.x cannot be run in",
        "E   ImportError: numpy.core.multiarray failed to import",
    ],
)
@pytest.mark.parametrize(("version", "labels"), [("2.1.0", ["numpy<2"]), ("1.26.4", [])])
def test_packages_compiled_against_numpy_1_get_it(
    line: str, version: str, labels: list[str]
) -> None:
    (thing,) = find_missing(f"{line}\n")
    symptom = Symptom(kind=thing.kind, name=thing.name)
    state = EnvironmentState(packages=(f"numpy=={version}",), test_command="")
    with RepositoryEvidence(Path(), "", "") as evidence:
        assert [it.label for it in iter_remedies(symptom, state, evidence)] == labels


HELPERS = {
    "tests/__init__.py": "def _importorskip(name): ...\n_importorskip('trustme')\n"
    "_importorskip('unnamed')\n",
    "tests/conftest.py": "try:\n    import late\nexcept ImportError:\n    late = None\n",
    "tox.ini": "[testenv]\ndeps =\n    trustme\n    late\n    pyyaml\n",
}


def skip_without(needed: set[str], prints: str = "", passed: int = 2) -> Printer:
    def run_tests(sandbox: Sandbox, built: BuiltInstance, spec: RunSpec) -> RunResult:
        names = {it.partition("==")[0] for it in sandbox.specs[built.handle].lock.packages}
        if needed <= names:
            return RUN_THEM(sandbox, built, spec)
        tests = {f"{TEST}::test_{i}": Outcome.SKIPPED for i in range(5)}
        tests |= {f"{TEST}::test_p{i}": Outcome.PASSED for i in range(passed)}
        return RunResult(status=RunStatus.COMPLETED, outcomes=tests, output=prints.encode())

    return run_tests  # type: ignore[return-value]


RUN_THEM = Sandbox.run_tests


def test_helpers_say_without_what_most_tests_are_skipped(
    tried: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sandbox, "run_tests", skip_without({"trustme", "late"}))
    source = "from tests import requires_trustme\n"
    monkeypatch.setattr("tests.helpers.repaired_world.CHANGED_TEST", source)
    monkeypatch.setattr("tests.helpers.repaired_world.IN_INDEX", IN_INDEX | {"unnamed"})
    found = tried(lacks(), HELPERS)
    assert found.record.is_verified
    assert [note.split(":")[0] for note in found.added] == ["added late", "added trustme"]


def test_reasons_of_skips_name_what_is_missing(tried: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    prints = "curate: 3 skipped: requires yaml or late\ncurate: 2 skipped: unnamed is missing\n"
    monkeypatch.setattr(Sandbox, "run_tests", skip_without({"pyyaml", "late"}, prints))
    monkeypatch.setattr("tests.helpers.repaired_world.IN_INDEX", IN_INDEX | {"unnamed"})
    found = tried(lacks(), {"tox.ini": HELPERS["tox.ini"]})
    assert found.record.is_verified
    assert [note.split(":")[0] for note in found.added] == ["added pyyaml", "added late"]


def test_modules_that_have_no_common_lock_are_tried_one_after_the_other(
    tried: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve_without_late(manifest: Manifest, **options: Any) -> Any:
        if any(item.name == "late" for item in manifest.requirements):
            return Failure(stage="lock", reason="unsatisfiable", detail="late")
        return resolve(manifest, **options)

    monkeypatch.setattr(build, "compile_lock", resolve_without_late)
    monkeypatch.setattr(Sandbox, "run_tests", skip_without({"trustme"}))
    found = tried(lacks(), HELPERS)
    assert found.record.is_verified
    assert [note.split(":")[0] for note in found.added] == ["added trustme"]


def test_a_few_skipped_tests_ask_for_nothing(tried: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "run_tests", skip_without({"trustme"}, passed=6))
    found = tried(lacks(), HELPERS)
    assert not found.record.is_verified
    assert not any("with" in it for it in found.record.attempts)
