"""The nightly workflow as it is written: images in an engine, in a registry, rows on a Hub."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from curate.releases.reader import iter_rows
from curate.releases.row import get_str
from curate.store import Store
from tests.doubles.github.samples import sample_repository
from tests.doubles.hub import HubDouble
from tests.functional.test_nightly_workflow import FILE, HOME
from tests.helpers.image_tags import remove_images
from tests.helpers.nights import BIRDS, STONES, NightWorld, night_world
from tests.helpers.workflow_runner import ROOT, WorkflowRunner

HUB = "lab/tasks"
RELEASE = "runner/artifacts/release/nightly/release"


class Nights:
    """Runs of the workflow, each job on a machine without the images of others."""

    def __init__(self, folder: Path, world: NightWorld, own: Mapping[str, str]) -> None:
        self.folder = folder
        name = f"curate-workflow-{secrets.token_hex(4)}"
        self.registry = f"{os.environ['CURATE_TEST_REGISTRY']}/{name}"
        self.images = (f"{name}/", f"{self.registry}/")
        self.runner = WorkflowRunner(
            file=FILE,
            folder=folder / "runner",
            values={
                "vars.NIGHTLY_REPOSITORIES": f"{BIRDS} {STONES}",
                "vars.NIGHTLY_REGISTRY": self.registry,
                "vars.NIGHTLY_HUB": HUB,
                "secrets.CRAWL_TOKEN || github.token": "right",
                "github.token": "right",
            },
            variables={
                **world.variables,
                **own,
                "CURATE_IMAGE_NAMESPACE": name,
                "PYTHONPATH": str(ROOT),
                "GITHUB_REPOSITORY": HOME,
            },
            get_machine=self.forget,
        )

    def forget(self) -> None:
        """Remove all images of these nights."""
        remove_images(*self.images)

    def run(self, number: int) -> Any:
        """Run a night, in which every step ends well; return its report."""
        self.runner.values["github.run_id"] = str(number)
        ended = self.runner.run()
        logs = self.folder.glob("runner/*/log")
        assert ended == dict.fromkeys(ended, True), "\n".join(it.read_text() for it in logs)
        return json.loads((self.folder / "runner/artifacts/release/report.json").read_text())

    def references(self) -> dict[str, str]:
        """Return the reference by digest of each image that was pushed, by instance id."""
        with Store(self.folder / "runner/release/nightly") as store:
            return {name: it for name, (_, it) in store.pushed_images(self.registry).items()}


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@pytest.mark.xdist_group("builds")
@pytest.mark.skipif(
    "CURATE_INTEGRATION" not in os.environ, reason="CURATE_INTEGRATION names no engine"
)
def test_every_line_runs_with_engine_registry_and_hub(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    with night_world(tmp_path / "world", "docker") as world, HubDouble() as hub:
        world.github.world.add(sample_repository(HOME, 1))
        nights = Nights(tmp_path, world, hub.environment(tmp_path / "huggingface"))
        birds, stones = world.projects[BIRDS], world.projects[STONES]
        birds.add_pull(10)
        stones.add_pull(10)
        try:
            first = nights.run(1)
            assert first["totals"]["verified"] == 2
            release = first["release"]
            assert (release["rows"]["train"], release["images"]) == (2, 2)
            assert (release["hub"], release["is_pushed"]) == (HUB, True)
            assert first["certification"]["counts"]["certified"] == 1
            (certified,) = first["certification"]["certified"]
            assert certified in (tmp_path / RELEASE / "CERTIFICATE.json").read_text()
            pushed = nights.references()
            assert len(pushed) == 2

            birds.add_pull(30)
            second = nights.run(2)
            assert second["totals"]["verified"] == 1
            release = second["release"]
            assert (release["rows"]["train"], release["is_pushed"]) == (3, True)
            assert nights.references().items() > pushed.items()  # none was pushed again
            assert second["certification"]["errors"] == {}  # of this night, all were certified

            nights.runner.variables = {**nights.runner.variables, "CURATE_BASE_IMAGE": "gone"}
            third = nights.run(3)  # nothing is built, so nothing asks for the base image
            assert third["totals"]["attempted"] == 0
            assert third["release"]["rows"]["train"] == 3
            assert (third["release"]["commit"], third["release"]["is_pushed"]) == (
                release["commit"], False,
            )  # fmt: skip
            assert read_images(tmp_path) == nights.references()
        finally:
            nights.forget()
    assert {*nights.runner.lines} == nights.runner.list_written_lines()


def read_images(folder: Path) -> dict[str, str]:
    """Return the images of the release that the night left as an artifact, by instance id."""
    rows = iter_rows(folder / RELEASE, "train", ["instance_id", "image"])
    return {get_str(row, "instance_id"): get_str(row, "image") for row in rows}
