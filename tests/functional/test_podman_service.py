"""Podman's service and what Podman says of itself, with a program in its place."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from curate.builders.engine.podman import has_limits, run_podman, start_service
from curate.builders.errors import EngineUnavailableError, SandboxError
from tests.helpers.serving import wait_until


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of `podman`; its text is to be written."""
    program = tmp_path / "bin" / "podman"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    start_service.cache_clear()
    return program


def test_a_service_that_does_not_start_says_why(podman: Path) -> None:
    podman.write_text("#!/bin/sh\necho 'Error: no subuid ranges found for user' >&2\nexit 125\n")
    with pytest.raises(EngineUnavailableError, match="no subuid ranges") as caught:
        start_service()
    assert "subordinate ids" in caught.value.hint


OWNER = """
import os, sys
taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
from curate.builders.engine.podman import start_service
print(start_service(), flush=True)
sys.stdin.read()
"""
SERVICE = """#!/bin/sh
echo $$ > "$(dirname "$0")/started"
touch "${4#unix://}"
exec sleep 600
"""


def test_the_service_ends_with_a_killed_process(podman: Path, tmp_path: Path) -> None:
    podman.write_text(SERVICE)
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout and owner.stdout.readline().startswith(f"unix://{tmp_path}")
    service = psutil.Process(int((podman.parent / "started").read_text()))
    owner.kill()
    owner.wait()
    _, left = psutil.wait_procs([service], timeout=30)
    assert not left
    wait_until(lambda: not list(tmp_path.glob("curate-podman-*")))


def test_a_command_that_fails_says_why(podman: Path) -> None:
    podman.write_text("#!/bin/sh\necho more >&2\necho 'Error: no such image' >&2\nexit 125\n")
    with pytest.raises(SandboxError, match="podman pull: Error: no such image"):
        run_podman(["pull", "x"])


@pytest.mark.parametrize(
    ("rootless", "version", "controllers", "held"),
    [
        (True, "v2", ["cpu", "memory", "pids"], True),
        (True, "v2", ["cpu"], False),
        (True, "v2", None, False),
        (True, "v1", ["memory", "pids"], False),
        (False, "v1", None, True),
    ],
)
def test_who_holds_limits(
    rootless: bool, version: str, controllers: list[str] | None, held: bool, podman: Path
) -> None:
    host: dict[str, object] = {"cgroupVersion": version, "cgroupControllers": controllers}
    host["security"] = {"rootless": rootless}
    podman.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps({'host': host})}\nEND\n")
    assert has_limits() is held
