"""Candidates, ready to be validated: the sample's ten, and others in repositories beside it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.demo.history import write_history
from tests.demo.sample import ROOT, SAMPLE, Sample, load
from tests.demo.stage import TOKEN
from tests.demo.world import make_repository
from tests.doubles.github import GitHubDouble, World

COUNT = 12
BESIDE = (("packaging>=21", 2),)  # a repository each: what it requires besides, number of pulls


@contextmanager
def crawled(folder: Path, beside: Sequence[tuple[str, int]] = BESIDE) -> Iterator[dict[str, str]]:
    """All repositories crawled into *folder*/data; the variables that lead there."""
    samples = [load()]
    for number, (requirement, pulls) in enumerate(beside):
        name = f"beside{number or ''}"
        samples.append(_beside(load(), folder / name, requirement, pulls))
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


def _beside(sample: Sample, folder: Path, requirement: str, pulls: int) -> Sample:
    """The first pulls in a repository that needs one package more: a lock of its own."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", ".pytest_cache")
    shutil.copytree(sample.base, folder, ignore=ignored)
    project = folder / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    changed = text.replace('"click>=8.0"', f'"click>=8.0", "{requirement}"')
    assert changed != text
    project.write_text(changed, encoding="utf-8")
    return replace(
        sample, name=f"{sample.name}-{folder.name}", base=folder, pulls=sample.pulls[:pulls]
    )


def _mirror(sample: Sample, folder: Path) -> Path:
    return folder / f"{sample.name.replace('/', '__')}.git"


def _recipe(sample: Sample, folder: Path) -> None:
    """The sample's recipe under the name of *sample*."""
    text = (SAMPLE / "curate-samples__tidytable.toml").read_text(encoding="utf-8")
    named = text.replace('"curate-samples/tidytable"', f'"{sample.name}"')
    (folder / f"{sample.name.replace('/', '__')}.toml").write_text(named, encoding="utf-8")
