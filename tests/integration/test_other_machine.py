"""Instances that one machine pushed are pulled by digest and run, offline, by another one."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from curate.builders.backends.docker import DockerBackend
from curate.builders.engine.registry import pull_image
from curate.builders.model import BuiltInstance, Outcome, RunSpec, RunStatus
from curate.builders.sandbox.docker import run_in_container
from curate.builders.settings import BuildSettings
from curate.store import Store
from tests.helpers.fakes import expect
from tests.helpers.image_push import push_command, save_verified
from tests.helpers.instance_spec import make_instance_spec
from tests.helpers.private_engine import PrivateEngine, available
from tests.integration.test_images import SETUP, settings  # noqa: F401
from tests.integration.test_shared_environments import forget

pytestmark = [
    pytest.mark.xdist_group("builds"),
    pytest.mark.skipif(not available(), reason="an engine of its own needs root, dockerd and ip"),
]
PYTEST = "iniconfig==2.0.0\npackaging==24.0\npluggy==1.5.0\npytest==8.2.0\n"
LOCKS = [f"{PYTEST}six==1.{minor}.0\n" for minor in (14, 15, 16)]
COMMITS = 2
TEST = """\
import six
import thing

def test_number():
    assert thing.NUMBER == {number}

def test_six_{version}():
    assert six.__version__ == "{version}".replace("_", ".")
"""


def files(number: int, lock: str) -> dict[str, str]:
    version = lock.rstrip().rpartition("==")[2].replace(".", "_")
    return {
        "thing/__init__.py": f"NUMBER = {number}\n",
        "test_thing.py": TEST.format(number=number, version=version),
        "setup.py": SETUP,
        ".gitignore": "*.egg-info\n",
    }


@pytest.fixture
def backend(settings: BuildSettings) -> Iterator[DockerBackend]:
    backend = DockerBackend(
        replace(settings, image_namespace=f"curate-test-{secrets.token_hex(4)}")
    )
    yield backend
    forget(backend)


@pytest.fixture
def instances(backend: DockerBackend, tmp_path: Path) -> dict[str, BuiltInstance]:
    """Six instances of three environments, built and stored; images by instance id."""
    built: dict[str, BuiltInstance] = {}
    places = [(number, lock) for lock in LOCKS for number in range(COMMITS)]
    with Store(tmp_path / "data") as store:
        for index, (number, lock) in enumerate(places, 1):
            name = f"owner__name-{index}"
            spec = make_instance_spec(
                tmp_path / f"mirror{index}", files(number, lock), lock, "3.11"
            )
            built[name] = expect(BuiltInstance, backend.build_instance(replace(spec, name=name)))
            save_verified(store, index, built[name].handle, built[name].digest)
    return built


def layers(client: docker.DockerClient, reference: str) -> list[str]:
    """Digests of the file systems of an image, from the base up."""
    return list(client.images.get(reference).attrs["RootFS"]["Layers"])


def test_instances_run_on_another_machine(
    backend: DockerBackend,
    instances: dict[str, BuiltInstance],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    assert len({built.environment_key for built in instances.values()}) == len(LOCKS)
    registry = f"{os.environ['CURATE_TEST_REGISTRY']}/{backend.settings.image_namespace}"
    command, variables = push_command(registry)
    subprocess.run(command, cwd=tmp_path, env=variables, check=True, capture_output=True)
    with Store(tmp_path / "data") as store:
        references = {name: place for name, (_, place) in store.pushed_images(registry).items()}
    assert sorted(references) == sorted(instances)
    forget(backend)
    # The path of a socket has at most 107 characters.
    with PrivateEngine(tmp_path_factory.mktemp("engine"), subnet=215) as other:
        engine = other.client
        stacks = []
        for name, built in instances.items():
            identity = pull_image(engine, references[name])
            assert identity == built.digest
            there = replace(built, handle=identity)
            result = run_in_container(engine, there, RunSpec(command="python -m pytest -q"))
            assert result.status is RunStatus.COMPLETED, result
            assert len(result.outcomes) == 2
            assert set(result.outcomes.values()) == {Outcome.PASSED}
            stacks.append(layers(engine, identity))
    own = [
        set(stack).difference(*(other for other in stacks if other != stack)) for stack in stacks
    ]
    assert all(len(each) == 1 for each in own), own
    shared = {layer for stack in stacks for layer in stack} - set().union(*own)
    assert len(shared) == len(set.intersection(*map(set, stacks))) + len(LOCKS)
