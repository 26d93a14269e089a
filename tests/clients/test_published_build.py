"""The Dockerfiles of an export build with BuildKit, from its files alone, and grade alike."""

import json
import secrets
from pathlib import Path
from typing import Any

import docker
import pytest

from curate.builders.sandbox.client_run import ClientRunSpec, run_as_client
from curate.harness.grading import as_client_runs_it
from tests.demo.stage import Stage
from tests.helpers.rebuilt_images import rebuild_image, remove_layers

pytestmark = pytest.mark.xdist_group("builds")
NAME = "curate-samples__tidytable-22"
LAYERS = ["base", "python", "environment", "checkout", "instance"]


def test_every_layer_builds_from_the_published_files(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    stage.curate("export", "--format", "folder", str(folder))
    inputs = folder / "images" / NAME
    files = sorted(inputs.glob("*.Dockerfile"), key=lambda it: int(it.name.partition("-")[0]))
    assert [it.name for it in files] == [f"{n}-{it}.Dockerfile" for n, it in enumerate(LAYERS, 1)]
    tag = f"curate-test:{secrets.token_hex(8)}"
    engine = docker.from_env()
    try:
        rebuild_image(folder, NAME, tag, str(stage.mirror))
        rows = map(json.loads, (folder / "rows.jsonl").read_text().splitlines())
        row: dict[str, Any] = next(it for it in rows if it["instance_id"] == NAME)
        script = as_client_runs_it(row["eval_script"])
        for patch, resolved in ((row["patch"].encode(), True), (b"", False)):
            spec = ClientRunSpec(image=tag, script=script, patch=patch)
            result = run_as_client(engine, spec)
            assert (result.exit_code == 0) is resolved, result.output
    finally:
        remove_layers(engine, tag, len(LAYERS))
