"""Workers of a cluster push the images of instances themselves; the driver knows their digests."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from curate.releases.reader import iter_rows
from curate.releases.row import get_str
from curate.store import Store
from tests.helpers.image_tags import remove_images
from tests.helpers.nights import BIRDS, NightWorld, night_world
from tests.helpers.workflow_runner import ROOT

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("builds"),
    pytest.mark.skipif(
        "CURATE_INTEGRATION" not in os.environ, reason="CURATE_INTEGRATION names no engine"
    ),
]


def curate(
    world: NightWorld, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    kept = {key: it for key, it in os.environ.items() if not key.startswith("CURATE_")}
    return subprocess.run(
        [sys.executable, "-m", "curate", *arguments],
        cwd=world.folder,
        env={**kept, **world.variables, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_images_are_pushed_where_they_were_built(tmp_path: Path) -> None:
    name = f"curate-push-{secrets.token_hex(4)}"
    place = f"{os.environ['CURATE_TEST_REGISTRY']}/{name}"
    with night_world(tmp_path, "docker") as world:
        world.variables["CURATE_IMAGE_NAMESPACE"] = name
        for number in (10, 20):
            world.projects[BIRDS].add_pull(number)
        try:
            assert curate(world, "crawl", BIRDS).returncode == 0
            on_workers = ("validate", "--cluster", "local", "-j", "2", "--runs", "2", "--json")
            away = curate(world, *on_workers, "--registry", "127.0.0.1:1/x")
            assert away.returncode == 3 and "127.0.0.1:1/x" in away.stderr, away.stderr
            assert json.loads(away.stdout)["verified"] == 0
            done = curate(world, *on_workers, "--registry", place)
            assert (done.returncode, json.loads(done.stdout)["verified"]) == (0, 2), done.stderr
            with Store(world.data) as store:
                pushed = {key: it for key, (_, it) in store.pushed_images(place).items()}
            assert sorted(pushed) == ["lab__birds-10", "lab__birds-20"]
            remove_images(f"{name}/", f"{place}/")
            # the machine that publishes has no engine
            options = ("--registry", place, "--no-verify")
            no_engine = {"DOCKER_HOST": "unix:///nowhere"}
            published = curate(world, "publish", *options, **no_engine)
            assert published.returncode == 0, published.stderr
            rows = iter_rows(world.release, "train", ["instance_id", "image"])
            assert {get_str(it, "instance_id"): get_str(it, "image") for it in rows} == pushed
            certified = curate(world, "certify", "--all", "--registry", place, "--json")
            report = json.loads(certified.stdout)
            assert report["counts"]["certified"] == 2, certified.stderr
            assert all(it["pulled"] for it in report["certifications"])
        finally:
            remove_images(f"{name}/", f"{place}/")
