"""The plugin in a real pytest of this environment, xdist included."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from curate.builders.model import Outcome
from curate.builders.pytest_plugin import (
    REPORTER,
    PytestReport,
    generate_key,
    read_plugin_source,
    read_report,
)
from tests.helpers import file_reading
from tests.helpers.fakes import not_none
from tests.helpers.lean_python import lean_python

MakeProject = Callable[..., Path]


PASSED, FAILED, ERROR = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR


def run_reported(
    folder: Path,
    *arguments: str,
    python: str = "",
    watched: Sequence[str] = (),
    **variables: str,
) -> tuple[PytestReport, int, str]:
    """Run pytest with the plugin in *folder*/project; report, exit code and output.

    By default with the pytest of this environment, and xdist if *arguments* begin with `-n`.
    """
    with_xdist = arguments[:1] and arguments[0].startswith("-n")
    python = python or lean_python(*(["pytest-xdist"] if with_xdist else []))
    for name in ("plugin", "out"):
        (folder / name).mkdir()
    (folder / "plugin" / f"{REPORTER}.py").write_text(read_plugin_source(REPORTER))
    key = generate_key()
    (folder / "out" / "key").write_bytes(key)
    if watched:
        (folder / "out" / "watched").write_text(json.dumps(watched))
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(folder / "plugin"),
        "PYTEST_PLUGINS": REPORTER,
        "CURATE_REPORT": str(folder / "out" / "report"),
    }
    done = subprocess.run(
        [python, "-m", "pytest", "-q", *arguments],
        cwd=folder / "project",
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not (folder / "out" / "key").exists()
    report = read_report((folder / "out" / "report").read_bytes(), key)
    return report, done.returncode, done.stdout + done.stderr


REPLACES = """\
import _pytest.python
def runtest(self): return None
_pytest.python.Function.runtest = runtest
def test_bad(): assert 0
"""


def replaced_parts(folder: Path, python: str = "") -> str:
    """What is told of a test that replaces a part of pytest, and whose file may not."""
    (folder / "project").mkdir()
    test = folder / "project" / "test_x.py"
    test.write_text(REPLACES)
    report, _, output = run_reported(folder, python=python, watched=[str(test.resolve())])
    assert not report.is_finished, output
    return report.tampering


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    (tmp_path / "project").mkdir()

    def made(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / "project" / f"{name}.py").write_text(text)
        return tmp_path

    return made


def test_xdist_tells_each_test_once(project: MakeProject) -> None:
    code = "import pytest\n@pytest.mark.parametrize('n', range(20))\n"
    code += "def test_n(n): assert n != 7\n"
    report, exit_code, output = run_reported(project(test_x=code), "-n2")
    assert report.is_finished and not report.tampering, output
    expected = {f"test_x.py::test_n[{n}]": PASSED for n in range(20)}
    assert report.outcomes == expected | {"test_x.py::test_n[7]": FAILED}
    assert report.exit_status == exit_code == 1


def test_xdist_worker_that_dies(project: MakeProject) -> None:
    code = "import os\ndef test_a(): pass\ndef test_b(): os._exit(1)\ndef test_c(): pass\n"
    report, _, output = run_reported(project(test_x=code), "-n1")
    assert report.is_finished, output
    assert report.outcomes == {
        "test_x.py::test_a": PASSED,
        "test_x.py::test_b": ERROR,
        "test_x.py::test_c": PASSED,
    }


def test_project_plugins_and_warnings_as_errors(project: MakeProject, tmp_path: Path) -> None:
    plugin = str(tmp_path / "plugin")
    folder = project(
        plugin_of_project="import pytest\n@pytest.fixture\ndef own(): return 1\n",
        test_x=f"import sys\ndef test_a(own):\n    assert {plugin!r} not in sys.path\n",
    )
    report, _, output = run_reported(
        folder,
        "-Werror",
        PYTEST_PLUGINS=f"{REPORTER},plugin_of_project",
        PYTHONPATH=f"{folder}/plugin:{folder}/project",
        PYTEST_DISABLE_REPORTER_AUTOLOAD="1",
    )
    assert report.outcomes == {"test_x.py::test_a": PASSED}, output
    assert "warning" not in output


def test_variables_are_restored(project: MakeProject) -> None:
    code = (
        "import os\ndef test_a():\n    assert os.environ['PYTHONPATH'] == '/a:/b'\n"
        "    assert os.environ['PYTEST_PLUGINS'] == 'doctest'\n"
        "    assert 'CURATE_REPORT' not in os.environ\n"
    )
    folder = project(test_x=code, doctest="")
    plugins = f"{REPORTER},doctest"
    paths = f"{folder}/plugin:/a:/b"
    report, _, output = run_reported(folder, PYTHONPATH=paths, PYTEST_PLUGINS=plugins)
    assert report.outcomes == {"test_x.py::test_a": PASSED}, output


def test_tests_that_patch_what_the_plugin_needs(project: MakeProject) -> None:
    code = (
        "import hashlib, hmac, io, json, os\n"
        "def test_a(monkeypatch):\n"
        "    for module, name in ((os, 'write'), (os, 'getpid'), (json, 'dumps'), (io, 'open'),\n"
        "            (io, 'FileIO'), (hashlib, 'sha256'), (hmac, 'new'), (json, 'JSONEncoder')):\n"
        "        setattr(module, name, None)\n"
        "def test_b(): os.chdir('/')\n"
        "def test_c(): os.closerange(20, 200)\n"
    )
    report, _, output = run_reported(project(test_x=code))
    assert set(report.outcomes.values()) == {PASSED} and len(report.outcomes) == 3, output


def test_forked_child_that_goes_on(project: MakeProject) -> None:
    code = (
        "import os\ndef test_a():\n    child = os.fork()\n"
        "    if child: os.waitpid(child, 0)\ndef test_b(): pass\n"
    )
    report, _, output = run_reported(project(test_x=code))
    assert not report.tampering and report.is_finished, output
    assert report.outcomes == {"test_x.py::test_a": PASSED, "test_x.py::test_b": PASSED}


def test_interrupt_in_a_test(project: MakeProject) -> None:
    code = "def test_a(): raise KeyboardInterrupt\ndef test_b(): pass\n"
    report, exit_code, _ = run_reported(project(test_x=code))
    assert report.is_finished and report.exit_status == exit_code == 2
    assert report.outcomes == {"test_x.py::test_a": ERROR}


def test_conftest_that_fails_begins_no_session(project: MakeProject) -> None:
    report, exit_code, _ = run_reported(project(conftest="1 / 0\n", test_x=""))
    assert not report.is_finished and not report.tampering
    assert report.outcomes == {} and exit_code == 4


def test_module_that_skips_itself(project: MakeProject) -> None:
    code = "import pytest\npytest.skip('no', allow_module_level=True)\n"
    report, _, _ = run_reported(project(test_x=code))
    assert report.outcomes == {"test_x.py": Outcome.SKIPPED}


def test_reasons_of_skips_are_printed_by_frequency(project: MakeProject) -> None:
    code = (
        "import pytest\npytestmark = pytest.mark.skipif(True, reason='requires x\\nand y')\n"
        "def test_a(): pass\ndef test_b(): pass\n"
    )
    other = "import pytest\npytest.importorskip('no_such')\n"
    _, _, output = run_reported(project(test_x=code, test_y=other))
    told = [line for line in output.splitlines() if line.startswith("curate: ")]
    assert told[0] == "curate: 2 skipped: requires x"
    assert told[1].startswith("curate: 1 skipped: could not import 'no_such'")


def test_subtests(project: MakeProject) -> None:
    code = (
        "def test_a(subtests):\n    for n in range(3):\n"
        "        with subtests.test(n=n): assert n != 1\n"
    )
    report, _, output = run_reported(project(test_x=code))
    if "fixture 'subtests' not found" in output:
        pytest.skip("this pytest has no subtests")
    assert report.outcomes == {"test_x.py::test_a": FAILED}


def test_inert_without_its_variables(project: MakeProject) -> None:
    folder = project(test_x="def test_a(): pass\n")
    (folder / "plugin").mkdir()
    (folder / "plugin" / f"{REPORTER}.py").write_text(read_plugin_source(REPORTER))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", REPORTER],
        cwd=folder / "project",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "plugin")},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and b"1 passed" in done.stdout


def test_nothing_is_a_report_of_nothing() -> None:
    assert read_report(b"", generate_key()) == PytestReport()


def lay_files(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def opened_by_tests(report: PytestReport) -> dict[str, set[str]]:
    """The data that each test opens; pytest itself opens sources and settings."""
    recording = not_none(report.recording)
    names = {test.argument for test in recording.tests}
    found = {name: set(it) for name, it in recording.opened.items() if name in names}
    data = {name: {it for it in paths if it[-3:] != ".py"} for name, paths in found.items()}
    return {name: paths for name, paths in data.items() if paths}


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_files_that_tests_read_are_recorded(workers: str, tmp_path: Path) -> None:
    folder = lay_files(tmp_path, file_reading.FILES)
    report, exit_code, output = run_reported(folder, workers, CURATE_RECORD="run")
    assert report.is_finished and exit_code == 0, output
    assert opened_by_tests(report) == file_reading.OPENED | file_reading.BY_COMMAND
    recording = not_none(report.recording)
    assert set(recording.opened["test_it.py"]) >= file_reading.AT_COLLECTION
    values = {test.argument: test.values for test in recording.tests}
    assert values.items() >= file_reading.VALUES.items()


def test_collecting_records_without_a_test_that_runs(tmp_path: Path) -> None:
    folder = lay_files(tmp_path, file_reading.FILES)
    report, _, output = run_reported(folder, CURATE_RECORD="collect")
    assert report.is_finished and not report.outcomes, output
    recording = not_none(report.recording)
    assert {test.argument for test in recording.tests} >= set(file_reading.OPENED)
    assert not opened_by_tests(report)


def test_recorded_tests_are_named_for_the_folder_that_pytest_is_started_in(tmp_path: Path) -> None:
    text = "def test_a(): open('../data.txt').close()\n"
    folder = lay_files(tmp_path, {"sub/test_x.py": text, "data.txt": "", ".git": "", "x.ini": ""})
    options = ("sub/test_x.py", "-c", "x.ini", "--rootdir", "sub")
    report, _, output = run_reported(folder, *options, CURATE_RECORD="collect")
    assert [it.argument for it in not_none(report.recording).tests] == ["sub/test_x.py::test_a"], (
        output
    )


def test_deselected_tests_are_not_recorded(tmp_path: Path) -> None:
    code = "def test_a(): pass\ndef test_b(): pass\n"
    folder = lay_files(tmp_path, {"test_x.py": code})
    report, _, _ = run_reported(folder, "-k", "test_b", CURATE_RECORD="collect")
    assert [it.argument for it in not_none(report.recording).tests] == ["test_x.py::test_b"]


def test_parts_of_pytest_that_a_watched_file_replaces_are_told(tmp_path: Path) -> None:
    assert "Function.runtest" in replaced_parts(tmp_path)
