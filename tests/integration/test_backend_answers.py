"""Build back-ends asked in containers: the sandbox of tests, with a checkout copied into it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curate.builders.backends.docker import DockerBackend
from curate.builders.engine.client import connect_to_engine
from curate.builders.metadata.build_system import (
    BuildSystem,
    render_installed_question,
    render_question,
)
from curate.builders.metadata.parse import parse_installed, parse_reply
from curate.builders.model import BuiltInstance, InstanceSpec, RequirementsLock, RunSpec
from curate.builders.requirements import BackendAnswer
from curate.builders.settings import BuildSettings
from tests.helpers.fakes import expect
from tests.helpers.image_tags import list_tags
from tests.helpers.instance_spec import make_instance_spec
from tests.integration.test_images import settings  # noqa: F401

pytestmark = pytest.mark.xdist_group("builds")

PYTHON = "3.8"
# What the script sees of its sandbox becomes the names of extras.
SETUP = """\
import os, socket, sys
from setuptools import setup
try:
    socket.create_connection(("192.0.2.1", 80), timeout=3)
    network = "network"
except OSError:
    network = "offline"
capabilities = [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")]
needs = open("needs.txt").read().split()
seen = ["user%d" % os.getuid(), network, "capabilities" + str(int(capabilities[0], 16))]
setup(name="thing", version="1.0", packages=["thing"], install_requires=needs,
      extras_require={name: ["six"] for name in seen})
"""
FILES = {"setup.py": SETUP, "thing/__init__.py": "", "needs.txt": "six>=1.10 toml\n"}


@pytest.fixture
def spec(tmp_path: Path) -> InstanceSpec:
    lock = RequirementsLock(text="", python=PYTHON, exclude_newer=datetime(2018, 3, 1, tzinfo=UTC))
    made = make_instance_spec(tmp_path / "mirror", FILES, "", PYTHON)
    return replace(made, name="Owner__Asked-1", lock=lock, date=lock.exclude_newer)


@pytest.fixture
def backend(settings: BuildSettings) -> Iterator[DockerBackend]:
    backend = DockerBackend(replace(settings, image_namespace="curate-test-asked"))
    yield backend
    backend.release_instance("Owner__Asked-1")
    for tag in _tags():
        connect_to_engine().images.remove(tag, noprune=True)


def test_setuptools_of_2018_answers_offline_and_unprivileged(
    backend: DockerBackend, spec: InstanceSpec
) -> None:
    question = RunSpec(command=render_question(BuildSystem(requires=())))
    result = backend.run_in_environment(spec, question)
    reply = parse_reply(getattr(result, "output", b""))
    answer = expect(BackendAnswer, reply.answer)
    assert sorted(line for line in answer.requires if "extra" not in line) == ["six>=1.10", "toml"]
    assert set(answer.extras) == {"user1000", "offline", "capabilities0"}
    assert {"needs.txt", "setup.py"} <= set(reply.record.read)
    assert reply.record.is_complete
    names = {tag.split("/")[1].split(":")[0] for tag in _tags()}
    assert names == {"base", "python", "env"}, "no image of the checkout"


def test_an_installed_project_tells_what_it_requires(
    backend: DockerBackend, spec: InstanceSpec
) -> None:
    built = backend.build_instance(spec)
    assert isinstance(built, BuiltInstance), built
    result = backend.run_tests(built, RunSpec(command=render_installed_question()))
    answer = expect(BackendAnswer, parse_installed(result.output, "thing"))
    assert answer.name == "thing", json.dumps(answer.requires)
    assert {line for line in answer.requires if "extra" not in line} == {"six>=1.10", "toml"}


def _tags() -> list[str]:
    tags = list_tags(connect_to_engine())
    return [tag for tag in tags if tag.startswith("curate-test-asked/")]
