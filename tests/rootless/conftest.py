"""What a plain user runs, inside `.ci/rootless`'s command; tests/integration starts it."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from curate.builders.backends.podman import PodmanBackend
from curate.builders.engine.apptainer import build_sif_of_layout
from curate.builders.engine.oci_layout import OciLayout
from curate.builders.engine.podman import load_layout
from curate.builders.model import RunResult, RunSpec
from curate.builders.sandbox.apptainer import ApptainerOptions, run_in_apptainer
from curate.builders.settings import BuildSettings
from tests.helpers.containers import project_image
from tests.helpers.sandbox_behaviours import lay_project

SANDBOX, LAYOUT = "CURATE_ROOTLESS_SANDBOX", "CURATE_ROOTLESS_LAYOUT"

RunProject = Callable[[Mapping[str, str | bytes], RunSpec], RunResult]


@pytest.fixture(scope="session")
def kind() -> str:
    """The sandbox to be tested."""
    if SANDBOX not in os.environ:
        pytest.skip("only for the plain user of .ci/rootless")
    return os.environ[SANDBOX]


@pytest.fixture(scope="session")
def image(kind: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of the layout, as the sandbox takes it."""
    layout = OciLayout(Path(os.environ[LAYOUT]))
    (found,) = layout.images()
    if kind == "podman":
        return load_layout(layout.folder, found.name)
    folder = tmp_path_factory.mktemp("sif")
    build_sif_of_layout(layout, found, folder / "image.sif", folder)
    return str(folder / "image.sif")


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> PodmanBackend:
    """The podman backend; nothing is started before it is used."""
    settings = BuildSettings(
        cache_dir=tmp_path_factory.mktemp("cache"), min_free_disk_bytes=1 << 30
    )
    return PodmanBackend(settings)


@pytest.fixture
def run(kind: str, image: str, podman: PodmanBackend, tmp_path: Path) -> Iterator[RunProject]:
    """Runs a project of files in the sandbox."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with ExitStack() as made:

        def run_podman_image(files: Mapping[str, str | bytes], spec: RunSpec) -> RunResult:
            folder = tmp_path / "testbed"
            built = made.enter_context(project_image(podman.engine, image, folder, files))
            return podman.run_tests(built, spec)

        def run_sif(files: Mapping[str, str | bytes], spec: RunSpec) -> RunResult:
            lay_project(tmp_path / "testbed", files)
            options = ApptainerOptions(temp_parent=scratch, checkout=tmp_path / "testbed")
            return run_in_apptainer(Path(image), spec, options)

        yield run_podman_image if kind == "podman" else run_sif
    assert not list(scratch.iterdir())
