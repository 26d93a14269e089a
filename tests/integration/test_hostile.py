"""The hostile list on a real engine; `python -m tests.benchmarks.hostile` prints it as a table."""

import pytest

from builders.sandbox.docker import run_in_container
from tests.helpers.containers import project_image, sandboxes
from tests.hostile import CASES, cases_for

pytestmark = pytest.mark.xdist_group("containers")


@pytest.fixture(scope="module")
def built(client, image_with_python, tmp_path_factory):
    """One image of a project that has a folder for each case."""
    files = {name: text for case in CASES for name, text in case.laid.items()}
    folder = tmp_path_factory.mktemp("hostile") / "testbed"
    with project_image(client, image_with_python, folder, files) as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case, client, built):
    if case not in cases_for(client):
        pytest.skip("this engine does not refuse it")
    case.check(run_in_container(client, built, case.execution))
    assert not sandboxes(client, built)
