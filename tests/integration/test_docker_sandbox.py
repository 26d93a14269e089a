"""The list of behaviours on a real engine, in an image made of CURATE_BASE_IMAGE."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import docker
import pytest

from curate.builders.errors import SandboxError
from curate.builders.model import BuiltInstance, Outcome, ResourceLimits, RunSpec, RunStatus
from curate.builders.sandbox import docker as sandbox
from curate.builders.sandbox.docker import count_machine_cpus, run_in_container
from tests.helpers.containers import project_image, sandboxes
from tests.helpers.sandbox_behaviours import GRACE, Behaviour, behaviours
from tests.helpers.sandbox_ids import ID_BEHAVIOURS

MakeProject = Callable[[Mapping[str, str | bytes]], BuiltInstance]


pytestmark = pytest.mark.xdist_group("containers")


@pytest.fixture
def make(
    client: docker.DockerClient, image_with_python: str, tmp_path: Path
) -> Iterator[MakeProject]:
    """An image with a tiny project."""
    with ExitStack() as made:
        yield lambda files: made.enter_context(
            project_image(client, image_with_python, tmp_path / "testbed", files)
        )


@pytest.mark.parametrize(
    "behaviour", [*behaviours("docker"), *ID_BEHAVIOURS], ids=lambda each: each.name
)
def test_behaviour(behaviour: Behaviour, client: docker.DockerClient, make: MakeProject) -> None:
    built = make(behaviour.files)
    result = run_in_container(client, built, behaviour.execution)
    behaviour.check(result)
    assert not sandboxes(client, built)


CONFINED = """\
import os, pathlib, pytest
def test_no_capabilities():
    status = pathlib.Path("/proc/self/status").read_text()
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"].strip() == "1"
def test_tmp_is_sized_and_runs_programs():
    assert os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize == 8 << 20
    path = pathlib.Path("/tmp/x"); path.write_text("#!/bin/sh\\n"); path.chmod(0o755)
    assert os.system(str(path)) == 0
def test_system_is_not_writable():
    with pytest.raises(OSError): pathlib.Path("/usr/x").write_text("")
def test_inputs_are_not_writable():
    with pytest.raises(OSError): pathlib.Path("/curate/in/run.sh").write_text("")
"""


def test_containers_are_confined(client: docker.DockerClient, make: MakeProject) -> None:
    limits = ResourceLimits(seconds=60, tmp_bytes=8 << 20, pids=50)
    execution = RunSpec(command="python -m pytest -q", limits=limits)
    result = run_in_container(client, make({"test_x.py": CONFINED}), execution)
    assert set(result.outcomes.values()) == {Outcome.PASSED}, result.output.decode()
    assert len(result.outcomes) == 4


QUOTA = """\
import os, pathlib
def test_quota():
    group = pathlib.Path("/sys/fs/cgroup")
    if (group / "cpu.max").exists():
        quota, period = (group / "cpu.max").read_text().split()
    else:
        quota, period = ((group / f"cpu/cpu.cfs_{it}_us").read_text() for it in ("quota", "period"))
    assert int(quota) / int(period) == THERE
"""


@pytest.mark.parametrize("asked", [1.0, 2.0, 512.0])
def test_a_run_gets_its_cpus_or_all_that_the_machine_has(
    client: docker.DockerClient, make: MakeProject, asked: float
) -> None:
    there = float(min(asked, count_machine_cpus(client)))
    limits = ResourceLimits(seconds=60, cpus=asked)
    execution = RunSpec(command="python -m pytest -q", limits=limits)
    result = run_in_container(
        client, make({"test_x.py": QUOTA.replace("THERE", str(there))}), execution
    )
    assert set(result.outcomes.values()) == {Outcome.PASSED}, result.output.decode()


def test_a_stopped_shell_is_ended_from_outside(
    client: docker.DockerClient, make: MakeProject
) -> None:
    code = "import os, signal, time\ndef test_a():\n"
    code += "    for pid in range(2, os.getpid()):\n"
    code += "        try: os.kill(pid, signal.SIGSTOP)\n"
    code += "        except OSError: pass\n"
    execution = RunSpec(command="python -m pytest -q", limits=ResourceLimits(seconds=2))
    result = run_in_container(client, make({"test_x.py": code}), execution)
    assert result.status is RunStatus.TIMEOUT
    assert result.seconds < execution.limits.seconds + GRACE


def test_an_interrupt_leaves_nothing(
    client: docker.DockerClient, make: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = make({"test_x.py": "import time\ndef test_a(): time.sleep(600)\n"})

    def interrupted(*_: object) -> NoReturn:
        time.sleep(2)
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox, "wait_for_exit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_in_container(client, built, RunSpec(command="python -m pytest -q"))
    assert not sandboxes(client, built)


def test_a_lost_container_is_no_verdict(client: docker.DockerClient, make: MakeProject) -> None:
    built = make({"test_x.py": "import time\ndef test_a(): time.sleep(600)\n"})

    def remove() -> None:
        deadline = time.monotonic() + 60
        while not sandboxes(client, built) and time.monotonic() < deadline:
            time.sleep(0.2)
        for each in sandboxes(client, built):
            each.remove(force=True)

    remover = threading.Thread(target=remove)
    remover.start()
    with pytest.raises(SandboxError):
        run_in_container(client, built, RunSpec(command="python -m pytest -q"))
    remover.join()


def test_no_image_is_no_verdict(client: docker.DockerClient) -> None:
    built = BuiltInstance(
        name="t", backend="docker", handle="curate-test:none", environment_key="k"
    )
    with pytest.raises(SandboxError):
        run_in_container(client, built, RunSpec(command="true"))
