"""`curate images export` and sandboxes of plain users, on a machine that has neither engine."""

import json
from pathlib import Path

import pytest

from curate import evaluate
from curate.builders.engine.oci_layout import OciLayout
from curate.core.errors import ConfigurationError
from curate.core.settings import read_settings
from curate.store import Store
from tests.helpers.factories import make_candidate, make_validation
from tests.helpers.image_archives import make_config, make_layer, save_as_docker_20
from tests.helpers.terminal import Typed, typed

ID = "owner__name-7"


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The digest of the image of the only verified instance; this machine has no programs."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    validation = make_validation()
    with Store(tmp_path / "data") as store:
        store.save_candidate(make_candidate(7))
        store.save_validation("owner/name", validation)
    assert validation.environment
    return validation.environment.digest


def run(tmp_path: Path, *arguments: str, **variables: str) -> Typed:
    dead = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock", "CURATE_CACHE_DIR": str(tmp_path / "c")}
    return typed(arguments, tmp_path, {**dead, **variables})


def lay_image(folder: Path, digest: str) -> None:
    archive = save_as_docker_20(make_config("x"), [make_layer("x")])
    OciLayout(folder / "oci").add(ID, digest, [archive])


def test_what_is_there_needs_no_engine(tmp_path: Path, digest: str) -> None:
    lay_image(tmp_path / "out", digest)
    done = run(tmp_path, "images", "export", "--output", "out", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert list(report["present"]) == [ID] and not report["exported"] and not report["failed"]


def test_an_unknown_id_is_said_and_the_others_go_on(tmp_path: Path, digest: str) -> None:
    lay_image(tmp_path / "data/images", digest)
    done = run(tmp_path, "images", "export", ID, "nobody__nothing-1", "--json")
    assert (done.returncode, list(json.loads(done.stdout)["present"])) == (4, [ID])
    assert "1 of 2 images were not exported" in done.stderr and "nobody__nothing-1" in done.stderr


@pytest.mark.usefixtures("digest")
def test_without_an_engine_nothing_new_is_exported(tmp_path: Path) -> None:
    done = run(tmp_path, "images", "export")
    assert done.returncode == 3 and "no container engine responds" in done.stderr


@pytest.mark.usefixtures("digest")
def test_sif_files_need_apptainer(tmp_path: Path) -> None:
    done = run(tmp_path, "images", "export", "--format", "sif")
    assert done.returncode == 3
    assert "apptainer is not installed" in done.stderr and "Install Apptainer" in done.stderr


@pytest.mark.usefixtures("digest")
def test_a_file_in_the_place_of_the_output(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    done = run(tmp_path, "images", "export", "--output", "out")
    assert done.returncode == 2 and "out: File exists" in done.stderr


@pytest.mark.usefixtures("digest")
def test_a_full_disk_ends_an_export(tmp_path: Path) -> None:
    done = run(tmp_path, "images", "export", CURATE_MIN_FREE_DISK_GIB="9999999")
    assert done.returncode == 8 and "MiB are reserved" in done.stderr


@pytest.mark.parametrize("kind", ["podman", "apptainer"])
@pytest.mark.usefixtures("digest")
def test_a_sandbox_whose_program_is_missing(kind: str, tmp_path: Path) -> None:
    done = run(tmp_path, "evaluate", "gold", "--sandbox", kind)
    assert done.returncode == 3
    assert f"{kind} is not installed" in done.stderr and "Install" in done.stderr


BUILDS, KEEPS = "sandbox builds no environments", "sandbox keeps none for an agent"


@pytest.mark.parametrize(
    ("kind", "command", "message"),
    [
        ("apptainer", ("validate",), BUILDS),
        ("apptainer", ("rebuild",), BUILDS),
        ("apptainer", ("recipe", "trial", "owner/name"), BUILDS),
        ("apptainer", ("shell", ID), KEEPS),
        ("podman", ("shell", ID), KEEPS),
        ("podman", ("run", ID, "--", "true"), KEEPS),
        ("podman", ("serve",), KEEPS),
    ],
)
@pytest.mark.usefixtures("digest")
def test_a_sandbox_that_a_command_cannot_use_is_refused(
    kind: str, command: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    where = 2 if command[0] == "recipe" else 1
    arguments = (*command[:where], "--sandbox", kind, *command[where:])
    done = run(tmp_path, *arguments, CURATE_SERVE_TOKEN="token-of-this-test")
    assert done.returncode == 2
    assert f"The {kind} {message}" in " ".join(done.stderr.split())


def test_a_sandbox_that_there_is_not(tmp_path: Path, digest: str) -> None:
    settings = read_settings({"data_dir": tmp_path / "data"}, {}, tmp_path / "none")
    with pytest.raises(ConfigurationError, match="no sandbox 'doker'") as caught:
        evaluate("gold", sandbox="doker", settings=settings)
    assert digest and "docker, podman, apptainer, local" in caught.value.hint
