"""The commands on the sample project, killed and interrupted on the way, in both sandboxes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from curate.builders.sandbox.docker import OWNER_LABEL
from curate.core.names import make_instance_id
from curate.core.settings import Settings
from tests.demo.check import funnel_differences, pull_differences
from tests.demo.sample import ROOT, VERIFIED
from tests.demo.stage import Stage, prepared
from tests.helpers.kill_loop import INTERRUPTED


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with prepared(tmp_path / "demo") as stage:
        yield stage


def begin(stage: Stage, *arguments: str) -> subprocess.Popen[str]:
    """Start a curate command in a session of its own, as a shell would."""
    return subprocess.Popen(
        [sys.executable, "-m", "curate", *arguments],
        cwd=ROOT,
        env={**os.environ, **stage.variables},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def crawl(stage: Stage) -> None:
    mirror = str(stage.mirror)
    stage.curate("crawl", stage.sample.name, "--github-api-url", stage.api_url, "--mirror", mirror)


def validated(stage: Stage) -> int:
    funnel = json.loads(stage.answer("status", "--json"))["repositories"][stage.sample.name]
    return int(funnel["attempted"])


def owner(stage: Stage) -> str:
    return Settings(data_dir=Path(stage.variables["CURATE_DATA_DIR"])).run_owner


def leaked_resources(stage: Stage) -> list[str]:
    """Containers, folders and test processes that runs of this data folder have left."""
    found, mark = places_of_runs(stage), f"CURATE_RUN={owner(stage)}.".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in entry.read_bytes():
                found.append(str(entry))
        except OSError:
            continue
    return found


def places_of_runs(stage: Stage) -> list[str]:
    """Containers and folders of runs; only a curate that is up makes new ones."""
    name = owner(stage)
    folders = Path(tempfile.gettempdir()).glob(f"curate-run-{name}.*")
    label: dict[str, Any] = {"label": f"{OWNER_LABEL}={name}"}
    client = docker.from_env()
    containers = client.containers.list(all=True, ignore_removed=True, filters=label)
    return [*map(str, folders), *(str(container.name) for container in containers)]


def wait_for_a_run(stage: Stage, process: subprocess.Popen[str], seconds: float = 240) -> None:
    """Wait until there is a run that is not there yet; old ones may still be making processes."""
    old, deadline = set(places_of_runs(stage)), time.monotonic() + seconds
    while not set(places_of_runs(stage)) - old:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def assert_every_step_is_logged(stage: Stage) -> None:
    files = (Path(stage.variables["CURATE_DATA_DIR"]) / "logs").glob("*-validate-*.log")
    text = "".join(file.read_text() for file in files)
    for pull in stage.sample.pulls:
        if pull.expected == VERIFIED:
            name = make_instance_id(stage.sample.name, pull.number)
            assert f"{name}: building environment" in text
            assert f"{name}: post-patch run 1 ended" in text


def assert_as_expected(stage: Stage) -> None:
    wrong = funnel_differences(stage.sample, json.loads(stage.answer("status", "--json")))
    pulls = [pull for pull in stage.sample.pulls if pull.expected]
    names = [f"{stage.sample.name.replace('/', '__')}-{pull.number}" for pull in pulls]
    lines = stage.answer("show", *names, "--json").splitlines()
    for pull, line in zip(pulls, lines, strict=True):
        wrong += pull_differences(pull, json.loads(line))
    assert wrong == []


@pytest.mark.parametrize(
    "sandbox", ["local", pytest.param("docker", marks=pytest.mark.xdist_group("builds"))]
)
def test_killed_and_interrupted_a_validation_ends_as_if_undisturbed(
    stage: Stage, sandbox: str
) -> None:
    crawl(stage)
    command = ("validate", "--sandbox", sandbox, "-j", "2")
    for _ in range(2):
        process = begin(stage, *command)
        wait_for_a_run(stage, process)
        time.sleep(1.3)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    interrupted = begin(stage, *command)
    wait_for_a_run(stage, interrupted)
    time.sleep(1.3)
    interrupted.send_signal(signal.SIGINT)
    said = interrupted.communicate(timeout=30)[1]
    assert interrupted.returncode in INTERRUPTED, said
    assert "Run the same command again" in said
    assert leaked_resources(stage) == []
    before = validated(stage)
    done = json.loads(stage.answer(*command, "--json"))
    assert (done["attempted"], done["up_to_date"]) == (10 - before, before)
    assert leaked_resources(stage) == []
    assert_as_expected(stage)
    assert_every_step_is_logged(stage)


def test_one_validation_at_a_time(stage: Stage) -> None:
    crawl(stage)
    first = begin(stage, "validate", "--sandbox", "local")
    wait_for_a_run(stage, first)
    second = begin(stage, "validate", "--sandbox", "local")
    said = second.communicate(timeout=60)[1]
    assert (second.returncode, "Another process of curate is running" in said) == (7, True), said
    assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=30)
    assert first.returncode in INTERRUPTED
    assert leaked_resources(stage) == []


def test_validation_within_a_time_limit(stage: Stage) -> None:
    crawl(stage)
    first = begin(stage, "validate", "--sandbox", "local", "--max-time", "5s", "--json")
    told, said = first.communicate(timeout=200)
    counts = json.loads(told)
    done = counts["attempted"]
    assert counts["remaining"] == 10 - done > 0
    assert first.returncode == 1 and f"{10 - done} candidates remaining" in said, said
    assert leaked_resources(stage) == [] and validated(stage) == done
    counts = json.loads(stage.answer("validate", "--sandbox", "local", "-j", "2", "--json"))
    assert (counts["up_to_date"], counts["remaining"]) == (done, 0)
    assert_as_expected(stage)


def test_rebuild_goes_on_night_after_night(stage: Stage) -> None:
    crawl(stage)  # links the mirror, so that nothing is cloned
    name = stage.sample.name
    rebuild = ("rebuild", name, "--github-api-url", stage.api_url, "--sandbox", "local", "-j", "2")
    to = ("--output", str(stage.release))
    stage.curate(*rebuild, *to, "--max-time", "12s")
    first = validated(stage)
    assert first < 10
    assert (stage.release / "SHA256SUMS").exists()
    assert leaked_resources(stage) == []
    stage.curate(*rebuild, *to, "--max-time", "10m")
    assert_as_expected(stage)
    release = (stage.release / "SHA256SUMS").read_bytes()
    third = begin(stage, *rebuild, *to)
    said = third.communicate()[1]
    assert ": 0 PRs and 0 updated issues fetched" in said, said
    assert "0 to validate, 10 up to date" in said
    assert (stage.release / "SHA256SUMS").read_bytes() == release


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("no right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, left: int) -> Path:
    """A file that leaves *left* bytes to others."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(filler, filler.stat().st_size - left)
    return filler


def test_a_full_disk_loses_nothing(stage: Stage, small_disk: Path) -> None:
    filler = fill(small_disk, 100 << 10)  # enough to begin, not to end
    variables = {**stage.variables, "CURATE_DATA_DIR": str(small_disk / "data")}
    crowded = replace(stage, variables=variables)
    mirror = ("--mirror", str(stage.mirror))
    command = ("crawl", stage.sample.name, "--github-api-url", stage.api_url, *mirror)
    full = begin(crowded, *command)
    said = full.communicate(timeout=120)[1]
    assert (full.returncode, "full" in said, "Traceback" in said) == (8, True, False), said
    filler.unlink()
    crowded.curate(*command)
    funnel = json.loads(crowded.answer("status", "--json"))["repositories"][stage.sample.name]
    assert (funnel["pulls"], funnel["candidates"]) == (15, 10)


def test_a_disk_that_fills_while_verdicts_are_stored_loses_none(
    stage: Stage, small_disk: Path
) -> None:
    variables = {**stage.variables, "CURATE_DATA_DIR": str(small_disk / "data")}
    crowded = replace(stage, variables=variables)
    crawl(crowded)
    command = ("validate", "--sandbox", "local", "-j", "2")
    filler = fill(small_disk, 64 << 10)  # enough for some verdicts, not for all
    full = begin(crowded, *command)
    said = full.communicate(timeout=300)[1]
    assert (full.returncode, "full" in said, "Traceback" in said) == (8, True, False), said
    filler.unlink()
    before = validated(crowded)
    assert before < 10
    done = json.loads(crowded.answer(*command, "--json"))
    assert (done["attempted"], done["up_to_date"]) == (10 - before, before)
    assert leaked_resources(crowded) == []
    assert_as_expected(crowded)


def test_without_a_recipe_the_draft_verifies_the_same(stage: Stage) -> None:
    kept = {name: it for name, it in stage.variables.items() if name != "CURATE_RECIPES_DIR"}
    stage = replace(stage, variables=kept)
    crawl(stage)
    stage.answer("validate", "--sandbox", "local", "-j", "2", "--json")
    assert_as_expected(stage)
    trial = ("recipe", "trial", stage.sample.name, "--sandbox", "local", "--per-repo", "2")
    found = json.loads(stage.answer(*trial, "--json"))["repositories"][stage.sample.name]
    drafts = Path(stage.variables["CURATE_DATA_DIR"]) / "recipes"
    assert found["recipe"] == next(drafts.iterdir()).read_text()
    assert len(found["results"]) == 2
    assert found["environments"] >= 1
