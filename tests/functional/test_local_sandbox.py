import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from curate.builders.errors import SandboxError
from curate.builders.model import BuiltInstance, Outcome, RunSpec, RunStatus
from curate.builders.sandbox.isolate import isolate_run
from curate.builders.sandbox.local import run_locally
from tests.helpers.lean_python import lean_site, make_lean_environment
from tests.helpers.sandbox_behaviours import Behaviour, behaviours, lay_project
from tests.helpers.sandbox_ids import ID_BEHAVIOURS
from tests.hostile.case import Case
from tests.hostile.escaping import PATCHES

MakeProject = Callable[..., BuiltInstance]  # of files by path, and plugins of pytest


def network_can_be_cut(hosts: Path) -> bool:
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if isolate_run(hosts) == "isolated" else 1)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


@pytest.fixture(scope="session")
def can_cut(tmp_path_factory: pytest.TempPathFactory) -> bool:
    return network_can_be_cut(tmp_path_factory.mktemp("network") / "hosts")


@pytest.fixture
def make(tmp_path: Path) -> MakeProject:
    """A local build of a tiny project; its venv has pytest and little else."""

    def made(files: Mapping[str, str | bytes], *plugins: str) -> BuiltInstance:
        lay_project(tmp_path / "built" / "checkout", files)
        (tmp_path / "built" / "venv").symlink_to(make_lean_environment(*plugins))
        return BuiltInstance(
            name="t", backend="local", handle=str(tmp_path / "built"), environment_key="k"
        )

    return made


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def processes_of(run: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if run.encode() in entry.read_bytes():
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    "behaviour", [*behaviours("local"), *ID_BEHAVIOURS], ids=lambda each: each.name
)
def test_behaviour(behaviour: Behaviour, make: MakeProject, scratch: Path, can_cut: bool) -> None:
    if behaviour.name == "network is isolated" and not can_cut:
        pytest.skip("no network namespaces here")
    built = make(behaviour.files, *(["pytest-xdist"] if "-n 2" in behaviour.command else []))
    result = run_locally(built, behaviour.execution, temp_parent=scratch)
    behaviour.check(result)
    assert not list(scratch.iterdir())
    assert not processes_of(str(scratch))
    assert ("not isolated" in result.detail) is not can_cut


@pytest.mark.parametrize("case", PATCHES, ids=lambda case: case.name)
def test_no_patch_leaves_the_checkout(case: Case, make: MakeProject, scratch: Path) -> None:
    escaped = Path("/tmp/curate-escaped")
    case.check(run_locally(make(case.laid), case.execution, temp_parent=scratch))
    assert not escaped.exists() and not list(scratch.iterdir())


def test_the_built_checkout_stays_as_it_is(make: MakeProject, scratch: Path) -> None:
    built = make({"test_x.py": "def test_a(): open('made', 'w').close()\n"})
    execution = RunSpec(command="python -m pytest -q")
    for _ in range(2):
        assert run_locally(built, execution, temp_parent=scratch).status is RunStatus.COMPLETED
    assert not (Path(built.handle) / "checkout" / "made").exists()


def test_what_a_run_changes_in_the_environment_goes_with_it(
    tmp_path: Path, scratch: Path, can_cut: bool
) -> None:
    if not can_cut:
        pytest.skip("no namespaces here")
    code = """
import pathlib, subprocess, sys, sysconfig
site = pathlib.Path(sysconfig.get_path("purelib"))
def test_changes():
    (site / "hook.pth").write_text("import os; os.environ['HOOKED'] = '1'\\n")
    (site / "there.py").open("a").write("changed = 1\\n")
    (site / "gone.py").unlink()
    code = "import os, there; print(os.environ['HOOKED'], there.changed)"
    assert subprocess.check_output([sys.executable, "-c", code]).split() == [b"1", b"1"]
"""
    lay_project(tmp_path / "built" / "checkout", {"test_x.py": code})
    venv = tmp_path / "built" / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "outer.pth").write_text(sysconfig.get_path("purelib") + "\n")  # has pytest
    for name in ("there.py", "gone.py"):
        (site / name).write_text("before = 1\n")
    built = BuiltInstance(
        name="t", backend="local", handle=str(tmp_path / "built"), environment_key="k"
    )
    for _ in range(2):
        result = run_locally(built, RunSpec(command="python -m pytest -q"), temp_parent=scratch)
        assert result.outcomes == {"test_x.py::test_changes": Outcome.PASSED}, result.output
        assert result.detail == ""
    assert sorted(path.name for path in site.iterdir()) == ["gone.py", "outer.pth", "there.py"]
    assert (site / "there.py").read_text() == "before = 1\n"
    assert not list(scratch.iterdir())


def test_no_variable_of_ours_is_handed_on(
    make: MakeProject, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    code = "import os\ndef test_a(): assert 'GITHUB_TOKEN' not in os.environ\n"
    result = run_locally(
        make({"test_x.py": code}), RunSpec(command="python -m pytest"), temp_parent=scratch
    )
    assert result.outcomes == {"test_x.py::test_a": Outcome.PASSED}


def test_editable_install_leads_to_the_copy(tmp_path: Path, scratch: Path) -> None:
    checkout = tmp_path / "built" / "checkout"
    code = "import thing\ndef test_a(): assert thing.__file__.startswith({!r})\n"
    lay_project(checkout, {"src/thing.py": "", "test_x.py": code.format(str(scratch))})
    import venv

    folder = tmp_path / "built" / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    # as an editable install and an installed pytest would leave it
    (site / "editable.pth").write_text(f"{checkout}/src\n")
    (site / "ours.pth").write_text(f"{lean_site()}\n")
    built = BuiltInstance(name="t", backend="local", handle=str(folder.parent), environment_key="k")
    result = run_locally(built, RunSpec(command="python -m pytest"), temp_parent=scratch)
    assert result.outcomes == {"test_x.py::test_a": Outcome.PASSED}, result.output


def test_no_checkout_is_no_verdict(tmp_path: Path) -> None:
    built = BuiltInstance(name="t", backend="local", handle=str(tmp_path), environment_key="k")
    with pytest.raises(SandboxError, match="cannot be copied"):
        run_locally(built, RunSpec(command="true"), temp_parent=tmp_path)


def test_an_interrupt_leaves_nothing(
    make: MakeProject, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = make({"test_x.py": "import time\ndef test_a(): time.sleep(600)\n"})
    wait4 = os.wait4

    def interrupted(pid: int, options: int) -> NoReturn:
        time.sleep(2)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "wait4", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_locally(built, RunSpec(command="python -m pytest"), temp_parent=scratch)
    monkeypatch.setattr(os, "wait4", wait4)
    assert not list(scratch.iterdir())
    assert not processes_of(str(scratch))
    assert not [each for each in threading.enumerate() if isinstance(each, threading.Timer)]


def test_a_daemon_without_our_variables_ends_with_the_run(
    make: MakeProject, scratch: Path, tmp_path: Path
) -> None:
    code = f"""
import os
def test_a():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open({str(tmp_path / "pid")!r}, "w") as stream: stream.write(str(os.getpid()))
            os.execve("/bin/sleep", ["sleep", "600"], {{}})
        os._exit(0)
    os.wait()
    while not os.path.exists({str(tmp_path / "pid")!r}): pass
"""
    result = run_locally(
        make({"test_x.py": code}), RunSpec(command="python -m pytest"), temp_parent=scratch
    )
    assert result.outcomes == {"test_x.py::test_a": Outcome.PASSED}, result.output
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()


def test_a_run_that_kills_its_supervisor_ends_and_leaves_nothing(
    make: MakeProject, scratch: Path
) -> None:
    code = """
import os, signal, time
def parent(pid): return int(open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()[1])
def test_a():
    pid = os.getpid()
    while "supervise.py" not in open("/proc/%d/cmdline" % pid).read(): pid = parent(pid)
    os.kill(pid, signal.SIGKILL)
    time.sleep(600)
"""
    result = run_locally(
        make({"test_x.py": code}), RunSpec(command="python -m pytest -q"), temp_parent=scratch
    )
    assert result.status is RunStatus.CRASHED
    assert not list(scratch.iterdir()) and not processes_of(str(scratch))


def test_a_folder_removed_by_another_leaves_the_one_around_it_alone(
    make: MakeProject, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.chmod(0o755)
    code = "import os, shutil\n"
    code += "def test_a(): shutil.rmtree(os.path.dirname(os.getcwd()), ignore_errors=True)\n"
    built = make({"test_x.py": code})
    result = run_locally(built, RunSpec(command="python -m pytest -q"), temp_parent=scratch)
    assert result.status is not RunStatus.COMPLETED
    assert not list(scratch.iterdir())
    assert scratch.stat().st_mode & 0o777 == 0o755
