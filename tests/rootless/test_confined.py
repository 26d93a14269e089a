"""What a run of a plain user sees of the host, and what a killed owner leaves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from curate.builders.backends.apptainer import ApptainerBackend
from curate.builders.backends.podman import PodmanBackend
from curate.builders.engine.podman import run_podman
from curate.builders.errors import SandboxError
from curate.builders.model import Outcome, ResourceLimits, RunSpec, RunStatus
from curate.builders.sandbox.apptainer import run_in_apptainer
from curate.builders.settings import BuildSettings
from tests.rootless.conftest import RunProject

CONFINED = """\
import getpass, os, pathlib, pwd
import pytest
def test_no_capabilities():
    status = pathlib.Path("/proc/self/status").read_text()
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"].strip() == "1"
def test_tmp_is_sized_and_runs_programs():
    assert os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize == 64 << 20
    path = pathlib.Path("/tmp/x"); path.write_text("#!/bin/sh\\n"); path.chmod(0o755)
    assert os.system(str(path)) == 0
def test_inputs_are_not_writable():
    with pytest.raises(OSError): pathlib.Path("/curate/in/run.sh").write_text("")
def test_user():
    assert os.getuid() and getpass.getuser() == pwd.getpwuid(os.getuid()).pw_name == "curate"
    assert os.path.expanduser("~") == "/tmp"
def test_nothing_of_the_host():
    assert not os.path.exists("HOME_OF_THE_HOST") and not os.path.exists("SECRET")
    assert not [it for it in os.environ if it.startswith(("APPTAINER", "SINGULARITY", "HOSTS_"))]
    assert os.umask(0o22) == 0o22
def test_checkout_is_writable():
    pathlib.Path("made").write_text("")
"""


def test_runs_are_confined(
    run: RunProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    monkeypatch.setenv("HOSTS_TOKEN", "secret")
    monkeypatch.setenv("APPTAINERENV_HOSTS_TOKEN", "secret")
    limits = ResourceLimits(seconds=60, tmp_bytes=64 << 20, memory_bytes=512 << 20)
    code = CONFINED.replace("HOME_OF_THE_HOST", str(Path.home())).replace("SECRET", str(secret))
    result = run({"test_x.py": code}, RunSpec(command="python -m pytest -q", limits=limits))
    assert set(result.outcomes.values()) == {Outcome.PASSED}, result.output.decode()
    assert len(result.outcomes) == 6


FULL = """\
def test_full():
    with open("/tmp/full", "wb") as file:
        for _ in range(80): file.write(bytes(1 << 20))
"""


def test_a_full_tmp_is_a_full_disk_for_the_test(run: RunProject) -> None:
    limits = ResourceLimits(seconds=60, tmp_bytes=64 << 20, memory_bytes=512 << 20)
    result = run({"test_x.py": FULL}, RunSpec(command="python -m pytest -q", limits=limits))
    assert result.status is RunStatus.COMPLETED
    assert b"No space left on device" in result.output


def test_an_image_that_is_none_is_no_verdict(kind: str, tmp_path: Path) -> None:
    if kind != "apptainer":
        pytest.skip("Podman checks images when it loads them")
    image = tmp_path / "broken.sif"
    image.write_bytes(b"not an image")
    with pytest.raises(SandboxError, match=r"could not start broken\.sif"):
        run_in_apptainer(image, RunSpec(command="true"))


OWNER = """\
import sys
from pathlib import Path
from curate.builders.backends.apptainer import ApptainerBackend
from curate.builders.backends.podman import PodmanBackend
from curate.builders.model import BuiltInstance, RunSpec
from curate.builders.settings import BuildSettings
kind, image, cache = sys.argv[1:]
backend = (PodmanBackend if kind == "podman" else ApptainerBackend)(
    BuildSettings(cache_dir=Path(cache), run_owner="killed", min_free_disk_bytes=1 << 30)
)
built = BuiltInstance(name="t", backend=kind, handle=image, environment_key="k")
backend.run_tests(built, RunSpec(command="sleep 61719"))
"""


def test_a_killed_owner_leaves_nothing(kind: str, image: str, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, kind, image, str(tmp_path / "cache")],
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    _wait_for(lambda: _find_processes(b"61719"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    settings = BuildSettings(cache_dir=tmp_path / "cache", run_owner="killed")
    backend = PodmanBackend(settings) if kind == "podman" else ApptainerBackend(settings)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tempfile.tempdir", str(temporary))
        backend.cleanup()
    _wait_for(lambda: not _find_processes(b"61719"))
    assert not list(temporary.iterdir())
    if kind == "podman":
        _wait_for(lambda: len(_find_services()) == 1)  # of `backend`; that of the killed one ended
        assert not run_podman(["ps", "-aq", "--filter", "label=curate.owner=killed"]).strip()


def _wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _find_services() -> list[Path]:
    return list(Path(os.environ["XDG_RUNTIME_DIR"]).glob("curate-podman-*"))


def _find_processes(word: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words: list[bytes] = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if word in words and b"sleep" in words[0]:
            found.append(int(entry.parent.name))
    return found
