"""Twelve candidates, ready to be validated: the sample's ten, and two in a repository beside it.

There may be more repositories with two.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.demo.history import write_history
from tests.demo.sample import ROOT, SAMPLE, Sample, load
from tests.demo.stage import TOKEN
from tests.demo.world import make_repository
from tests.doubles.github import GitHubDouble, World

COUNT = 12


@contextmanager
def crawled(folder: Path, *, beside: int = 1) -> Iterator[dict[str, str]]:
    """The repositories crawled into *folder*/data, *beside* of two pulls; the variables for it."""
    names = ["beside", *(f"beside-{number}" for number in range(2, beside + 1))]
    samples = [load(), *(_beside(load(), folder / name) for name in names)]
    mirrors = folder / "mirrors"
    mirrors.mkdir(parents=True)
    for name in ("recipes", "tmp", "cache"):
        (folder / name).mkdir()
    for sample in samples:
        _recipe(sample, folder / "recipes")
    repositories = [make_repository(it, write_history(it, _mirror(it, mirrors))) for it in samples]
    variables = {
        "CURATE_DATA_DIR": str(folder / "data"),
        "CURATE_CACHE_DIR": str(folder / "cache"),
        "CURATE_RECIPES_DIR": str(folder / "recipes"),
        "GITHUB_TOKEN": TOKEN,
        "TMPDIR": str(folder / "tmp"),
    }
    with GitHubDouble(World(*repositories), token=TOKEN) as github:
        for sample in samples:
            own = ("--mirror", str(_mirror(sample, mirrors)), "--github-api-url", github.url)
            subprocess.run(
                [sys.executable, "-m", "curate", "crawl", sample.name, *own],
                cwd=ROOT,
                env={**os.environ, **variables},
                capture_output=True,
                check=True,
            )
    yield variables


def _beside(sample: Sample, folder: Path) -> Sample:
    """The first two pulls in a repository that needs one package more: a lock of its own."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", ".pytest_cache")
    shutil.copytree(sample.base, folder, ignore=ignored)
    project = folder / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    changed = text.replace('"click>=8.0"', '"click>=8.0", "packaging>=21"')
    assert changed != text
    project.write_text(changed, encoding="utf-8")
    return replace(sample, name=f"{sample.name}-{folder.name}", base=folder, pulls=sample.pulls[:2])


def _mirror(sample: Sample, folder: Path) -> Path:
    return folder / f"{sample.name.replace('/', '__')}.git"


def _recipe(sample: Sample, folder: Path) -> None:
    """The sample's recipe under the name of *sample*."""
    text = (SAMPLE / "curate-samples__tidytable.toml").read_text(encoding="utf-8")
    named = text.replace('"curate-samples/tidytable"', f'"{sample.name}"')
    (folder / f"{sample.name.replace('/', '__')}.toml").write_text(named, encoding="utf-8")
