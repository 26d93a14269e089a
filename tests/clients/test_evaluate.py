"""`curate evaluate` on a release whose images are in a registry, as its user has it: no store."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import docker
import pytest

from curate.builders.sandbox.docker import OWNER_LABEL
from curate.core.settings import Settings
from curate.evaluation.graders import PURPOSE
from tests.demo.stage import Stage
from tests.helpers.harbor_trial import put_files
from tests.helpers.image_tags import list_tags
from tests.helpers.sandbox_behaviours import patch

pytestmark = [
    pytest.mark.xdist_group("builds"),
    pytest.mark.skipif(
        not os.environ.get("CURATE_TEST_REGISTRY"), reason="CURATE_TEST_REGISTRY names no registry"
    ),
]
ROOT = Path(__file__).parents[2]
HANG = "import time\ntime.sleep(600)\n"


def start(folder: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "curate", "evaluate", "-j", "2", *arguments]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def evaluate(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    process = start(folder, *arguments, **variables)
    _, errors = process.communicate()
    assert "Traceback" not in errors
    return process.returncode, errors


def read_report(folder: Path, run: str = "gold", model: str = "gold") -> Any:
    return json.loads((folder / "data/evaluations" / run / model / "report.json").read_text())


def forget_images(registry: str) -> None:
    engine = docker.from_env()
    for tag in list_tags(engine):
        if tag.startswith(f"{registry}/"):
            engine.images.remove(tag, noprune=True)


def list_containers(engine: docker.DockerClient, folder: Path) -> list[str]:
    """Those of evaluations in *folder*; other tests have theirs on the same engine."""
    owner = f"{Settings(data_dir=folder / 'data').run_owner}-{PURPOSE}"
    label = f"{OWNER_LABEL}={owner}"
    return [str(it.id) for it in engine.containers.list(all=True, filters={"label": label})]


def test_images_are_pulled_once_and_gold_is_resolved(
    tmp_path: Path, stage: Stage, registry: str, rows: dict[str, Any]
) -> None:
    forget_images(registry)
    code, errors = evaluate(tmp_path, "gold", "--dataset", str(stage.release))
    assert (code, read_report(tmp_path)["resolved_ids"]) == (0, sorted(rows)), errors
    code, errors = evaluate(
        tmp_path, "gold", "--dataset", str(stage.release), DOCKER_HOST="unix:///nonexistent"
    )
    assert (code, "3 known" in errors) == (0, True), "what is known needs no engine"


def list_pulled(engine: docker.DockerClient, rows: dict[str, Any]) -> list[str]:
    """Those of *rows* whose images are on the engine."""
    here = {digest for it in engine.images.list() for digest in it.attrs["RepoDigests"]}
    return [name for name in sorted(rows) if rows[name]["image"] in here]


def publish_elsewhere(engine: docker.DockerClient, image: str, registry: str) -> str:
    """Push an image like *image*, some MB larger, that is not here; return its reference."""
    name = f"{registry}/elsewhere-{secrets.token_hex(4)}"
    engine.images.pull(image)
    container = engine.containers.create(image)
    try:
        put_files(container, {"opt/large": secrets.token_bytes(3 << 20)})
        container.commit(name, "1")
    finally:
        container.remove()
    engine.images.push(name, "1")
    (digest,) = engine.images.get(f"{name}:1").attrs["RepoDigests"]
    engine.images.remove(f"{name}:1")
    return str(digest)


def test_pulled_images_go_where_the_disk_is_short(
    tmp_path: Path, registry: str, rows: dict[str, Any]
) -> None:
    engine = docker.from_env()
    changed = {
        name: {**row, "image": publish_elsewhere(engine, row["image"], registry)}
        for name, row in rows.items()
    }
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, changed.values())))
    mine = sorted(rows)[0]
    engine.images.pull(changed[mine]["image"])  # by its user, who keeps it
    tight = {
        "CURATE_IMAGE_DISK_LIMIT_GIB": "0.001",
        "CURATE_IMAGE_NAMESPACE": "nobodys",  # other tests need their images
        "CURATE_CACHE_DIR": str(tmp_path / "cache"),
    }
    code, errors = evaluate(tmp_path, "gold", "--dataset", "rows.jsonl", "-j", "1", **tight)
    assert (code, read_report(tmp_path)["resolved_ids"]) == (0, sorted(rows)), errors
    here = list_pulled(engine, changed)
    for name in here:
        engine.images.remove(changed[name]["image"])
    assert mine in here and len(here) < len(rows)


def test_an_image_that_is_gone_is_said_and_the_rest_graded(
    tmp_path: Path, rows: dict[str, Any]
) -> None:
    gone, *others = sorted(rows)
    name = rows[gone]["image"].partition("@")[0]
    changed = {**rows[gone], "image": f"{name}@sha256:{'0' * 64}"}
    lines = [json.dumps({**rows, gone: changed}[it]) for it in sorted(rows)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    code, errors = evaluate(tmp_path, "gold", "--dataset", "rows.jsonl")
    report = read_report(tmp_path)
    assert (code, report["error_ids"], report["resolved_ids"]) == (3, [gone], others), errors
    assert f"the image of {gone} is gone" in errors


def test_a_dead_engine_is_said_and_the_same_command_goes_on(
    tmp_path: Path, stage: Stage, rows: dict[str, Any]
) -> None:
    arguments = ("gold", "--dataset", str(stage.release))
    code, errors = evaluate(tmp_path, *arguments, DOCKER_HOST="unix:///nonexistent")
    assert (code, "Start Docker" in errors) == (3, True), errors
    assert evaluate(tmp_path, *arguments)[0] == 0
    assert read_report(tmp_path)["resolved_ids"] == sorted(rows)


def test_after_a_kill_nothing_is_left_and_the_same_command_goes_on(
    tmp_path: Path, stage: Stage, rows: dict[str, Any]
) -> None:
    hung, *others = sorted(rows)
    path = rows[hung]["patch"].partition("+++ b/")[2].partition("\n")[0]
    patches = {name: rows[name]["patch"] for name in others}
    shown = ["git", "-C", str(stage.mirror), "show", f"{rows[hung]['base_commit']}:{path}"]
    text = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
    patches[hung] = patch(path, text, HANG + text).decode()
    lines = [
        json.dumps({"instance_id": name, "model_name_or_path": "m", "model_patch": content})
        for name, content in patches.items()
    ]
    (tmp_path / "preds.jsonl").write_text("\n".join(lines))
    arguments = ("preds.jsonl", "--dataset", str(stage.release))
    process = start(tmp_path, *arguments)
    engine = docker.from_env()
    known = tmp_path / "data/evaluations/preds/m"
    deadline = time.monotonic() + 120
    running: list[str] = []
    while time.monotonic() < deadline:
        running = list_containers(engine, tmp_path)
        if running and len(list(known.glob("*/reward.json"))) == len(others):
            break
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (tmp_path / "preds.jsonl").write_text(
        "\n".join([*lines[:-1], lines[-1].replace("sleep(600)", "sleep(0)")])
    )
    code, errors = evaluate(tmp_path, *arguments)
    assert (code, f"{len(others)} known" in errors) == (0, True), errors
    report = read_report(tmp_path, "preds", "m")
    assert (report["resolved_ids"], report["unresolved_ids"]) == (others, [hung])
    assert running and not list_containers(engine, tmp_path)
