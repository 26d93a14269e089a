"""What old and new pytest print where something is missing (needs the package index)."""

import subprocess
from pathlib import Path

import pytest
import uv

from tests.functional.test_missing import check, print_of_pytest
from tests.functional.test_reporter import run_reported
from tests.helpers.missing_things import LACKS
from tests.integration.test_reporter_versions import interpreter

# Interpreter, pytest, and what it needs that is older than today's.
VERSIONS = [
    ("3.6", "2.8.7", ()),
    pytest.param(("3.6", "3.6.4", ("attrs<19.2",)), marks=pytest.mark.heavy),
    ("3.6", "4.6.11", ()),
    pytest.param(("3.8", "5.4.3", ()), marks=pytest.mark.heavy),
    pytest.param(("3.8", "6.2.5", ()), marks=pytest.mark.heavy),
    ("3.11", "7.4.4", ()),
    ("3.13", "9.0.0", ()),
]


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda it: f"{it[0]}-{it[1]}")
def old_pytest(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, tuple[int, ...]]:
    """An interpreter with an old pytest, and the version."""
    python, version, more = request.param
    folder = tmp_path_factory.mktemp("venv")
    tool = [uv.find_uv_bin()]
    subprocess.run([*tool, "venv", "-q", "--python", interpreter(python), folder], check=True)
    program = str(folder / "bin" / "python")
    install = [*tool, "pip", "install", "-q", "--python", program]
    subprocess.run([*install, f"pytest=={version}", *more], check=True)
    return program, tuple(map(int, version.split(".")))


@pytest.mark.parametrize("name", LACKS)
def test_what_is_missing_is_found(
    name: str, old_pytest: tuple[str, tuple[int, ...]], tmp_path: Path
) -> None:
    python, version = old_pytest
    if not LACKS[name].since <= version < LACKS[name].until:
        pytest.skip("this pytest does not complain")
    check(LACKS[name], print_of_pytest(tmp_path, LACKS[name], python))


TESTS = """\
import pytest
@pytest.fixture
def broken(): raise OSError
def test_pass(): assert True
def test_fail(): assert 1 == 2
def test_error(broken): pass
def test_skip(): pytest.skip("no")
@pytest.mark.xfail
def test_xfail(): assert False
@pytest.mark.xfail
def test_xpass(): pass
"""


def test_the_plugin_tells_outcomes(old_pytest: tuple[str, tuple[int, ...]], tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "test_a.py").write_text(TESTS)
    report, code, output = run_reported(tmp_path, python=old_pytest[0])
    assert report.is_finished and not report.tampering and code == 1, output
    assert {name.partition("::test_")[2]: str(it) for name, it in report.outcomes.items()} == {
        "pass": "passed",
        "fail": "failed",
        "error": "error",
        "skip": "skipped",
        "xfail": "xfailed",
        "xpass": "xpassed",
    }
