"""The time limit of a test, in real sessions of pytest that hang."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from curate.builders.model import (
    BuiltInstance,
    Outcome,
    ResourceLimits,
    RunResult,
    RunSpec,
    RunStatus,
)
from curate.builders.pytest_plugin import STATUS, read_plugin_source
from curate.builders.sandbox.local import run_locally
from curate.harness.eval_script import ScriptProcess
from tests.functional.test_eval_script import PYTEST, XDIST, patch_of, repository, run, statuses
from tests.functional.test_reporter import ERROR, FAILED, PASSED, MakeProject, project, run_reported
from tests.helpers.hanging import HANGING, LIMIT, OUTCOMES, SHORT, SHORT_OUTCOMES, STOP, STUCK
from tests.helpers.lean_python import make_lean_environment
from tests.helpers.sandbox_behaviours import lay_project

__all__ = ["project", "repository"]  # fixtures

GO_ON = "--continue-on-collection-errors"


def test_every_way_to_hang(project: MakeProject) -> None:
    report, exit_code, output = run_reported(project(test_x=HANGING), **LIMIT)
    assert report.outcomes == OUTCOMES, output
    assert report.is_finished and not report.tampering
    assert report.exit_status == exit_code == 1
    assert "test_x.py::test_catches_everything" in report.timed_out_tests
    assert "test_x.py::test_own_alarm" not in report.timed_out_tests


def test_workers_of_xdist(project: MakeProject) -> None:
    report, exit_code, output = run_reported(project(test_x=SHORT), "-n2", **LIMIT)
    killed = {"test_x.py::test_stuck": ERROR}  # xdist reports a crash of the worker
    assert report.outcomes == SHORT_OUTCOMES | killed, output
    assert report.is_finished and exit_code == 1
    assert report.timed_out_tests == ("test_x.py::test_sleeps",)


@pytest.mark.parametrize("hang", ["import time; time.sleep(600)", f"{STOP}{STUCK}"])
def test_a_file_that_hangs_at_import(hang: str, project: MakeProject) -> None:
    folder = project(test_x=hang, test_y="def test_y(): pass\n")
    report, exit_code, output = run_reported(folder, GO_ON, **LIMIT)
    assert report.outcomes == {"test_x.py": ERROR, "test_y.py::test_y": PASSED}, output
    assert report.is_finished and exit_code == 1


HANGS = {"sleeps": "import time; time.sleep(600)", "stuck": f"{STOP}{STUCK}"}
RUN = RunSpec(command="python -m pytest", limits=ResourceLimits(seconds=100, test_seconds=1))


def test_a_conftest_that_hangs_is_a_timeout(tmp_path: Path) -> None:
    lean = make_lean_environment()

    def run_hanging(name: str) -> RunResult:
        folder = tmp_path / name
        files = {"conftest.py": HANGS[name], "test_x.py": "def test_x(): pass\n"}
        lay_project(folder / "checkout", files)
        (folder / "venv").symlink_to(lean)
        built = BuiltInstance(name="t", backend="local", handle=str(folder), environment_key="k")
        return run_locally(built, RUN, temp_parent=tmp_path)

    with ThreadPoolExecutor(len(HANGS)) as pool:  # each waits for the whole time to start
        for result in pool.map(run_hanging, HANGS):
            assert result.status is RunStatus.TIMEOUT, (result.detail, result.output)
            assert not result.outcomes and "before its first test" in result.detail


THREADS = """\
import atexit, threading, time
def test_leaves_a_thread(): threading.Thread(target=time.sleep, args=(600,)).start()
def test_leaves_a_handler(): atexit.register(time.sleep, 600)
"""


def test_what_hangs_after_the_session_is_ended(project: MakeProject) -> None:
    report, exit_code, output = run_reported(project(test_x=THREADS), **LIMIT)
    assert report.is_finished and set(report.outcomes.values()) == {PASSED}, output
    assert report.exit_status == exit_code == 0


def test_one_that_is_stuck_may_be_the_only_one(project: MakeProject) -> None:
    folder = project(test_x=f"{STOP}def test_x(): {STUCK}\n")
    report, exit_code, output = run_reported(folder, **LIMIT)
    assert report.outcomes == {"test_x.py::test_x": FAILED}, output
    assert report.is_finished and report.exit_status == exit_code == 1


@pytest.mark.parametrize("hang", ["time.sleep(600)", STUCK])
def test_the_first_timeout_may_end_the_session(hang: str, project: MakeProject) -> None:
    code = f"{STOP}import time\ndef test_a(): {hang}\ndef test_b(): pass\n"
    variables = {**LIMIT, "CURATE_STOP_AT_TIMEOUT": "1"}
    report, exit_code, output = run_reported(project(test_x=code), **variables)
    assert set(report.outcomes) == {"test_x.py::test_a"}, output
    assert report.outcomes["test_x.py::test_a"] in (FAILED, ERROR) and exit_code


@pytest.mark.parametrize(("code", "status"), [("os._exit(3)", 3), ("os.abort()", -6)])
def test_other_ends_of_the_process_are_passed_on(
    code: str, status: int, project: MakeProject
) -> None:
    report, exit_code, _ = run_reported(project(test_x=f"import os\ndef test_a(): {code}"), **LIMIT)
    assert exit_code == status and not report.is_finished
    assert report.outcomes == {"test_x.py::test_a": Outcome.ERROR}


def test_no_limit_for_a_test_that_takes_its_time(project: MakeProject) -> None:
    code = "import time\ndef test_a(): time.sleep(1.5)\n"
    folder = project(test_x=code)
    report, *_ = run_reported(folder, CURATE_TEST_SECONDS="0")
    assert report.outcomes == {"test_x.py::test_a": PASSED}
    assert 1.5 <= report.slowest_test_seconds < 30


FROZEN = """\
import time
def test_freezes():
    time.time = time.monotonic = time.perf_counter = lambda: 0.0
def test_passes(): pass
def test_sleeps(): time.sleep(600)
"""


def test_clocks_that_tests_replace_do_not_matter(project: MakeProject) -> None:
    report, _, output = run_reported(project(test_x=FROZEN), **LIMIT)
    expected = {"freezes": PASSED, "passes": PASSED, "sleeps": FAILED}
    assert report.outcomes == {f"test_x.py::test_{n}": it for n, it in expected.items()}, output


REWRITES = """\
import glob, os
def test_bad(): assert 0
def test_removes_it():
    path, = glob.glob(os.path.join(os.getcwd(), "..", "out", "report"))
    lines = open(path, "rb").readlines()
    with open(path, "wb") as stream:
        stream.writelines(line for line in lines if b"test_bad" not in line)
    {stuck}
def test_last(): pass
"""


def test_a_killed_test_cannot_rewrite_what_came_before(project: MakeProject) -> None:
    report, *_ = run_reported(project(test_x=STOP + REWRITES.replace("{stuck}", STUCK)), **LIMIT)
    assert report.tampering


@pytest.mark.parametrize("command", [PYTEST, XDIST])
def test_evaluation_scripts_do_the_same(command: str, repository: Path) -> None:
    patch = patch_of(repository, {"test_x.py": SHORT.encode()})
    done = run(repository, patch, f"{command} test_x.py", process=ScriptProcess(test_seconds=1))
    found = statuses(done.stdout)
    expected: Mapping[str, str] = {
        name: {PASSED: "PASSED", FAILED: "FAILED"}[outcome]
        for name, outcome in SHORT_OUTCOMES.items()
    }
    if command == XDIST:
        expected = {**expected, "test_x.py::test_stuck": "ERROR"}
    assert found == expected, done.stdout + done.stderr


def test_the_plugins_are_one_file_each() -> None:
    assert "curate.builders" not in read_plugin_source(STATUS)
