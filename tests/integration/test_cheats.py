"""The list of cheats, graded in containers."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from curate.builders.backends.docker import DockerBackend
from curate.builders.model import BuiltInstance
from curate.builders.settings import BuildSettings
from curate.publish.export.harbor import render_verifier
from tests import cheats
from tests.cheats import HONEST, Candidate, Cheat, Honest, as_parameters
from tests.cheats.sample import BASE, make_task
from tests.helpers.containers import project_image
from tests.helpers.harbor_trial import Trial, run_verifier

pytestmark = pytest.mark.xdist_group("containers")

EDITABLE = {
    "__editable__.sample.pth": "/testbed/src\n",
    "sample-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: sample\nVersion: 1\n",
    "sample-1.dist-info/direct_url.json": '{"url": "file:///testbed"}',
}
CASES = cheats.cheats_for("docker")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sample") / "testbed"


@pytest.fixture(scope="module")
def built(
    client: docker.DockerClient, image_with_python: str, checkout: Path
) -> Iterator[BuiltInstance]:
    """The sample, as an editable install."""
    with project_image(client, image_with_python, checkout, BASE, EDITABLE) as made:
        yield made


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> DockerBackend:
    return DockerBackend(BuildSettings(cache_dir=tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("honest", as_parameters(HONEST, HONEST[:1]))
def test_honest_patches_are_resolved(
    honest: Honest, checkout: Path, built: BuiltInstance, backend: DockerBackend
) -> None:
    told = cheats.grade(honest, checkout, built, backend)
    assert told.resolved, (told.reason, told.detail, told.restored_paths, told.output[-3000:])


@pytest.mark.parametrize("cheat", as_parameters(CASES, cheats.one_for_each_guard(CASES)))
def test_cheats_earn_nothing(
    cheat: Cheat, checkout: Path, built: BuiltInstance, backend: DockerBackend
) -> None:
    told = cheats.grade(cheat, checkout, built, backend)
    assert told.resolved is not cheat.guarded, (told.reason, told.restored_paths)


def verify(
    candidate: Candidate, checkout: Path, built: BuiltInstance, client: docker.DockerClient
) -> Trial:
    """Grade *candidate* as the verifier of a Harbor task does."""
    patch = candidate.make_patch(checkout)
    is_gold = isinstance(candidate, Honest) and candidate.is_gold
    task = make_task(checkout, patch if is_gold else b"")
    files = {path: content.encode() for path, content in render_verifier(task)}
    return run_verifier(client, built.handle, files, patch)


@pytest.mark.parametrize("honest", as_parameters(HONEST, HONEST[:1]))
def test_a_verifier_resolves_honest_patches(
    honest: Honest, checkout: Path, built: BuiltInstance, client: docker.DockerClient
) -> None:
    told = verify(honest, checkout, built, client)
    assert told.reward["reward"] == 1, told.grade


@pytest.mark.parametrize("cheat", as_parameters(CASES, CASES[:1]))
def test_cheats_earn_nothing_from_a_verifier(
    cheat: Cheat, checkout: Path, built: BuiltInstance, client: docker.DockerClient
) -> None:
    told = verify(cheat, checkout, built, client)
    assert told.reward["reward"] == (not cheat.guarded), told.grade


@pytest.mark.parametrize("cheat", as_parameters([it for it in CASES if it.bites], ()))
def test_cheats_bite_where_nothing_guards(
    cheat: Cheat, checkout: Path, built: BuiltInstance, backend: DockerBackend
) -> None:
    told = cheats.run_unguarded(cheat, checkout, built, backend)
    assert told.resolved, (told.reason, told.detail, told.output[-3000:])
