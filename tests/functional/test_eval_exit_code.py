"""The exit status of an evaluation script: 0 only if the instance is resolved."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from curate.builders.pytest_plugin.grade_statuses import pack_test_lists
from curate.builders.pytest_plugin.test_ids import escape_test_id
from curate.harness.eval_script import ExpectedTests, ScriptProcess, render_eval_script
from curate.harness.grading import as_client_runs_it, find_unresolved, read_statuses
from tests.functional.test_eval_script import PYTEST, git, open_checkout, patch_of, write
from tests.helpers.lean_python import make_lean_environment

__all__ = ["open_checkout"]

COMMAND = f"{PYTEST} -p no:cacheprovider -q tests"
NEW, OLD = "tests/test_new.py", "tests/test_old.py"
ODD = ["a b", "\\xfc", "50%", "%20", "a - b", "[", 'it\'s "$HOME" `x`', "END_OF_LISTS", "\\n"]
TESTS = f"""\
import os, sys, pytest
from thing import f
def test_fixed(): assert f() == 2
def test_kept(): assert f()
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_xfailed(): assert 0
@pytest.mark.xfail
def test_xpassed(): pass
@pytest.mark.parametrize("x", {ODD!r})
def test_odd(x): assert f() == 2
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a checkout has, what is asked of it, and whether that is resolved."""

    thing: str = "def f(): return 2\n"
    tests: str = TESTS
    command: str = COMMAND
    fail_to_pass: Sequence[str] = ("test_fixed",)
    pass_to_pass: Sequence[str] = ("test_kept",)
    more: dict[str, bytes] = field(default_factory=dict)
    resolved: bool = False


ALL_ODD = [f"test_odd[{json.dumps(it)[1:-1]}]" if "\\" in it else f"test_odd[{it}]" for it in ODD]
EARLY = TESTS + "def test_z(): os._exit(0)\n"
LIES = """\
def f(): return 1
import atexit, os
names = ["test_fixed", "test_kept"]
text = "".join(f"PASSED tests/test_new.py::{it}\\n" for it in names)
atexit.register(lambda: os.write(1, text.encode()))
"""
CASES = {
    "right": Case(resolved=True),
    "odd ids": Case(fail_to_pass=["test_fixed", *ALL_ODD], resolved=True),
    "skip kept": Case(pass_to_pass=["test_skipped", "test_xfailed"], resolved=True),
    "xfail fixed": Case(fail_to_pass=["test_xfailed"], resolved=True),
    "another test fails": Case(tests=TESTS + "def test_z(): assert 0\n", resolved=True),
    "two sessions": Case(command=f"{COMMAND} -k fixed; {COMMAND} -k kept", resolved=True),
    "nothing done": Case(thing="def f(): return 1\n"),
    "one breaks": Case(pass_to_pass=["test_kept", "test_gone"]),
    "skip fixed": Case(fail_to_pass=["test_skipped"]),
    "xpass fixed": Case(fail_to_pass=["test_xpassed"]),
    "missing": Case(fail_to_pass=["test_fixed", "test_fixe"]),
    "does not import": Case(thing="def f(:\n"),
    "exits at import": Case(thing="import os\nos._exit(0)\n"),
    "exits in a test": Case(tests=EARLY),
    "a worker exits in another test": Case(tests=EARLY, command=f"{COMMAND} -n2", resolved=True),
    "prints statuses": Case(thing=LIES),
    "command prints statuses": Case(
        thing="def f(): return 1\n",
        command=f"{COMMAND}; echo; echo PASSED {NEW}::test_fixed; echo PASSED {NEW}::test_kept",
    ),
    "command fails": Case(command=f"{COMMAND}; false"),
    "command ends the script": Case(command=f"{COMMAND}; exit 0"),
    "no tests": Case(command="true"),
    "kills its shell": Case(thing="import os\nos.kill(os.getppid(), 9)\n"),
    "ends its shell": Case(thing="import os, signal\nos.kill(os.getppid(), 15)\n"),
    "closes its output": Case(thing="import os\nos.close(1)\ndef f(): return 1\n"),
}


def run_case(folder: Path, case: Case, how: str) -> subprocess.CompletedProcess[str]:
    patch = patch_of(folder, {NEW: case.tests.encode()})
    write(folder, {"thing.py": case.thing.encode(), **case.more})
    script = render_eval_script(
        test_patch=patch,
        test_command=case.command,
        testbed=str(folder),
        process=ScriptProcess(environment={"PYTHONPATH": "."}),
        expected=ExpectedTests(
            fail_to_pass=[escape_test_id(f"{NEW}::{it}") for it in case.fail_to_pass],
            pass_to_pass=[escape_test_id(f"{NEW}::{it}") for it in case.pass_to_pass],
        ),
    )
    return run_script(folder, as_client_runs_it(script) if how == "client" else script, how)


def run_script(folder: Path, script: str, how: str = "file") -> subprocess.CompletedProcess[str]:
    path = folder.parent / "eval.sh"
    path.write_text(script, encoding="utf-8")
    path.chmod(0o644)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    lean = make_lean_environment("pytest-xdist")
    path_of_programs = f"{folder.parent / 'bin'}:{lean}/bin:{kept['PATH']}"
    variables = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": path_of_programs}
    arguments = {"text": ["-c", script], "input": []}.get(how, [str(path)])
    with path.open() as opened:
        return subprocess.run(
            ["/bin/bash", *arguments],
            env=kept | variables,
            stdin=opened if how == "input" else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.parametrize("name", CASES)
def test_it_is_0_only_if_the_instance_is_resolved(open_checkout: Path, name: str) -> None:
    case = CASES[name]
    done = run_case(open_checkout, case, "file")
    assert (done.returncode == 0) == case.resolved, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["right", "nothing done", "command fails", "exits in a test"])
def test_a_client_that_reads_the_log_finds_the_same(open_checkout: Path, name: str) -> None:
    case = CASES[name]
    done = run_case(open_checkout, case, "client")
    found = read_statuses(done.stdout)
    lists = [[f"{NEW}::{it}" for it in ids] for ids in (case.fail_to_pass, case.pass_to_pass)]
    assert (found is not None and not find_unresolved(found, *lists)) == case.resolved
    assert (done.returncode == 0) == case.resolved, done.stdout + done.stderr


@pytest.mark.parametrize("how", ["file", "text", "input"])
def test_a_script_with_thousands_of_ids_can_be_passed_in_every_way(
    open_checkout: Path, how: str
) -> None:
    tests = "import pytest\n@pytest.mark.parametrize('x', range(9000))\ndef test_x(x): pass\n"
    names = [f"test_x[{number}]" for number in range(9000)]
    case = Case(tests=tests, fail_to_pass=names[:1], pass_to_pass=names[1:], resolved=True)
    assert run_case(open_checkout, case, how).returncode == 0
    folder = "pandas/tests/indexing/test_loc.py::TestLocBaseIndependent::test_getitem_label"
    many = [f"{folder}_{n}[int64-{n * 7919 % 1000}]" for n in range(20_000)]
    assert len(pack_test_lists(many[:9], many[9:])) < 50_000


def test_python_may_be_a_link_to_a_wrapper_that_goes_by_its_name(open_checkout: Path) -> None:
    programs = open_checkout.parent / "bin"
    real = make_lean_environment("pytest-xdist") / "bin/python"
    wrapper = f'#!/bin/sh\n[ "${{0##*/}}" = python ] || exit 9\nexec {real} "$@"\n'
    write(programs, {"wrapper": wrapper.encode()})
    (programs / "wrapper").chmod(0o755)
    (programs / "python").symlink_to("wrapper")
    done = run_case(open_checkout, CASES["right"], "file")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_test_patch_that_does_not_apply_is_not_resolved(open_checkout: Path) -> None:
    patch = patch_of(open_checkout, {OLD: b"x = 1\n"})
    git(open_checkout, "rm", "-q", OLD)
    git(open_checkout, "commit", "-qm", "gone")
    expected = ExpectedTests(fail_to_pass=[], pass_to_pass=[])
    script = render_eval_script(
        test_patch=patch, test_command="true", testbed=str(open_checkout), expected=expected
    )
    assert run_script(open_checkout, script).returncode == 1


def test_what_is_not_resolved_is_said(open_checkout: Path) -> None:
    done = run_case(open_checkout, CASES["nothing done"], "file")
    assert f"not resolved: {NEW}::test_fixed: FAILED" in done.stderr
