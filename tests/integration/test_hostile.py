"""The hostile list on a real engine; `python -m tests.benchmarks.hostile` prints it as a table."""

from collections.abc import Iterator

import docker
import pytest

from curate.builders.model import BuiltInstance
from curate.builders.sandbox.docker import run_in_container
from tests.helpers.containers import project_image, sandboxes
from tests.hostile import CASES, cases_for
from tests.hostile.case import Case

pytestmark = pytest.mark.xdist_group("containers")


@pytest.fixture(scope="module")
def built(
    client: docker.DockerClient, image_with_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BuiltInstance]:
    """One image of a project that has a folder for each case."""
    files = {name: text for case in CASES for name, text in case.laid.items()}
    folder = tmp_path_factory.mktemp("hostile") / "testbed"
    with project_image(client, image_with_python, folder, files) as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, client: docker.DockerClient, built: BuiltInstance) -> None:
    if case not in cases_for(client):
        pytest.skip("this engine does not refuse it")
    case.check(run_in_container(client, built, case.execution))
    assert not sandboxes(client, built)
