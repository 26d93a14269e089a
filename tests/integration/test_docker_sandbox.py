"""The list of behaviours on a real engine, in an image made of CURATE_BASE_IMAGE."""

import io
import os
import shutil
import sys
import tarfile
import threading
import time
import uuid
from pathlib import Path

import docker
import pytest

from builders.dockerfiles import base_dockerfile
from builders.errors import SandboxError
from builders.model import Built, Execution, Limits, Outcome, RunStatus
from builders.sandbox import docker as sandbox
from builders.sandbox.docker import LABEL, run_in_container
from tests.sandbox_behaviours import behaviours, lay_project

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not os.environ.get("CURATE_BASE_IMAGE"), reason="CURATE_BASE_IMAGE is not set"
    ),
]
PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments")
PYTHON_LIBRARY = f"lib/python3.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def client():
    return docker.from_env(timeout=120)


@pytest.fixture(scope="module")
def python_image(client, tmp_path_factory):
    """The base image with this interpreter and this pytest."""
    context = tmp_path_factory.mktemp("context")
    ignored = shutil.ignore_patterns("test", "site-packages", "idlelib", "*.a", "__pycache__")
    shutil.copytree(sys.base_prefix, context / "python", symlinks=True, ignore=ignored)
    site = Path(pytest.__file__).parent.parent
    for name in PACKAGES:
        target = context / "python" / PYTHON_LIBRARY / "site-packages" / name
        shutil.copytree(site / name, target)
    shutil.copy(site / "py.py", target.parent)
    (context / "Dockerfile").write_text(
        f"{base_dockerfile(os.environ['CURATE_BASE_IMAGE'])}"
        "COPY python /opt/python\n"
        "ENV PATH=/opt/python/bin:$PATH LD_LIBRARY_PATH=/opt/python/lib\n"
        "WORKDIR /testbed\n"
    )
    tag = f"curate-test:{uuid.uuid4().hex}"  # without one it goes when a child image goes
    client.images.build(path=str(context), tag=tag, rm=True, forcerm=True)
    yield tag
    client.images.remove(tag, force=True)


@pytest.fixture
def make(client, python_image, tmp_path):
    """An image with a tiny project, made without a build: a container fed and committed."""
    made_images = []

    def made(files) -> Built:
        lay_project(tmp_path / "testbed", files)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.add(tmp_path / "testbed", "testbed", filter=_owned)
        container = client.containers.create(python_image, "true")
        try:
            container.put_archive("/", buffer.getvalue())
            tag = uuid.uuid4().hex
            container.commit("curate-test", tag)
        finally:
            container.remove()
        made_images.append(f"curate-test:{tag}")
        return Built(name="t", backend="docker", handle=made_images[-1], environment_key="k")

    yield made
    for image in made_images:
        client.images.remove(image, force=True)


def _owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 1000
    return member


def sandboxes(client, built: Built) -> list:
    """Containers of this test: others may be using the same engine."""
    filters = {"label": LABEL, "ancestor": built.handle}
    return client.containers.list(all=True, filters=filters)


@pytest.mark.parametrize("behaviour", behaviours("docker"), ids=lambda each: each.name)
def test_behaviour(behaviour, client, make):
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
def test_pids_are_limited():
    children = []
    with pytest.raises(OSError):
        for _ in range(100):
            pid = os.fork()
            if pid == 0:
                os.pause() if hasattr(os, "pause") else __import__("signal").pause()
            children.append(pid)
    for pid in children: os.kill(pid, 9); os.waitpid(pid, 0)
"""


def test_containers_are_confined(client, make):
    limits = Limits(seconds=60, tmp_bytes=8 << 20, pids=50)
    execution = Execution(command="python -m pytest -q", limits=limits)
    result = run_in_container(client, make({"test_x.py": CONFINED}), execution)
    assert set(result.outcomes.values()) == {Outcome.PASSED}, result.output.decode()
    assert len(result.outcomes) == 5


def test_a_stopped_shell_is_ended_from_outside(client, make):
    code = "import os, signal, time\ndef test_a():\n"
    code += "    for pid in range(2, os.getpid()):\n"
    code += "        try: os.kill(pid, signal.SIGSTOP)\n"
    code += "        except OSError: pass\n"
    execution = Execution(command="python -m pytest -q", limits=Limits(seconds=2))
    result = run_in_container(client, make({"test_x.py": code}), execution)
    assert result.status is RunStatus.TIMEOUT
    assert result.seconds < 2 + 10


def test_an_interrupt_leaves_nothing(client, make, monkeypatch):
    built = make({"test_x.py": "import time\ndef test_a(): time.sleep(600)\n"})

    def interrupted(container, seconds):
        time.sleep(2)
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_in_container(client, built, Execution(command="python -m pytest -q"))
    assert not sandboxes(client, built)


def test_a_lost_container_is_no_verdict(client, make):
    built = make({"test_x.py": "import time\ndef test_a(): time.sleep(600)\n"})

    def remove():
        deadline = time.monotonic() + 60
        while not sandboxes(client, built) and time.monotonic() < deadline:
            time.sleep(0.2)
        for each in sandboxes(client, built):
            each.remove(force=True)

    remover = threading.Thread(target=remove)
    remover.start()
    with pytest.raises(SandboxError):
        run_in_container(client, built, Execution(command="python -m pytest -q"))
    remover.join()


def test_no_image_is_no_verdict(client):
    built = Built(name="t", backend="docker", handle="curate-test:none", environment_key="k")
    with pytest.raises(SandboxError):
        run_in_container(client, built, Execution(command="true"))
