"""`curate validate --cluster local`: the whole way, with candidates that need no sandbox."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from curate.store import Store
from tests.demo.sample import ROOT
from tests.helpers.factories import make_candidate
from tests.helpers.git_history import GitHistory

RECIPE = 'repo = "owner/name"\n\n[[env]]\nskip = "for the test"\n'
COUNT = 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    history = GitHistory.new(tmp_path / "work")
    history.commit(a_py="1")
    mirror = tmp_path / "data" / "mirrors" / "owner__name.git"
    mirror.parent.mkdir(parents=True)
    history.git("clone", "--quiet", "--mirror", ".", str(mirror))
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "owner__name.toml").write_text(RECIPE)
    first = replace(make_candidate(), base_commit=history.head())
    with Store(tmp_path / "data") as store:
        for number in range(1, COUNT + 1):
            name = f"owner__name-{number}"
            store.save_candidate(replace(first, instance_id=name, pull_number=number))
    return tmp_path


def validate(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "curate", "validate", "--sandbox", "local", "--json", *options],
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "CURATE_DATA_DIR": str(folder / "data"),
            "CURATE_CACHE_DIR": str(folder / "cache"),
            "CURATE_RECIPES_DIR": str(folder / "recipes"),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_verdicts_come_from_worker_processes_and_are_stored_once(folder: Path) -> None:
    done = validate(folder, "--cluster", "local", "-j", "2")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["attempted"] == COUNT and summary["reasons"] == {"recipe/skipped": COUNT}
    with Store(folder / "data") as store:
        assert len(store.validated_inputs()) == COUNT
    again = validate(folder, "--cluster", "local", "-j", "2")
    assert json.loads(again.stdout)["up_to_date"] == COUNT
    assert not list((folder / "cache" / "cluster").glob("curate-worker-*"))
    alone = folder / "alone"
    shutil.copytree(folder / "data", alone, symlinks=True)
    assert json.loads(validate(folder, CURATE_DATA_DIR=str(alone)).stdout)["up_to_date"] == COUNT


def test_a_strange_address_is_refused_before_anything_is_done(folder: Path) -> None:
    done = validate(folder, "--cluster", "slurm://host:1")
    assert done.returncode == 2 and "Invalid cluster 'slurm://host:1'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_registry_is_for_workers_with_containers(folder: Path) -> None:
    for options in (("--cluster", "local"), ()):
        done = validate(folder, *options, "--registry", "registry.example/lab")
        assert done.returncode == 2 and "--registry is for images" in done.stderr
