"""A working directory in which commands of the documentation run as they stand.

Instances are of the local sandbox, GitHub is its double, and git finds its clones beside it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from curate.recipes import RecipeLibrary
from curate.store import Store
from tests.doubles.github.data import Repository, World
from tests.doubles.github.samples import sample_issue, sample_pull, stamp
from tests.doubles.github.server import GitHubDouble
from tests.helpers.doc_blocks import ROOT, Block
from tests.helpers.factories import make_certification
from tests.helpers.git_history import GitHistory
from tests.helpers.local_task import store_local_task

LARGE = "sample/large"
GAPS = """\
repo = "owner/name"
[[env]]
versions = "<1.0"
[[env]]
versions = ">=1.5,<3.1"
[[env]]
versions = ">=3.0"
"""


@dataclass(frozen=True, kw_only=True)
class DocPlace:
    """A working directory and the variables of its user."""

    folder: Path
    variables: Mapping[str, str]

    def with_path(self, folder: Path) -> "DocPlace":
        """The same, with the programs in *folder* before all others."""
        path = f"{folder}:{os.environ['PATH']}"
        return replace(self, variables={**self.variables, "PATH": path})

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Type *script*, which ends at the first command that fails."""
        return subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def run_block(self, block: Block) -> subprocess.CompletedProcess[str]:
        """Type a block; variables that it leaves open (`=…`) are set already."""
        return self.run("\n".join(it for it in block.script.splitlines() if "=…" not in it))


def make_world(site: Path) -> World:
    """Make every repository that has a recipe, those of its submodules, and a large one."""
    names = {name for it in RecipeLibrary() for name in (it.repo, *it.submodules.values()) if name}
    return World(*(serve_repository(site, name) for name in names), serve_large(site))


@contextmanager
def prepare_place(folder: Path, site: Path, world: World) -> Iterator[DocPlace]:
    """Make a store with a verified instance, its release and a key; serve *world* as GitHub."""
    work = folder / "work"
    work.mkdir()
    store_local_task(work)
    make_shims(folder / "bin")
    with GitHubDouble(world) as double:
        place = DocPlace(
            folder=work,
            variables={
                "PATH": f"{folder}/bin:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "HOME": str(folder),
                "CURATE_GITHUB_API_URL": double.url,
                "GITHUB_TOKEN": "t",
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"url.file://{site}/.insteadOf",
                "GIT_CONFIG_VALUE_0": "https://github.com/",
                "CURATE_CACHE_DIR": str(folder / "cache"),
            },
        )
        fill_work(place)
        yield place


def serve_repository(site: Path, name: str) -> Repository:
    """A repository with one PR that becomes a candidate, and 501 that were closed."""
    history = GitHistory.new(site / f"{name}.git")
    base = history.change({"pkg/a.py": "broken\n"})
    history.branch("pull-1")
    head = history.change({"pkg/a.py": "fixed\n", "tests/test_a.py": "x\n"})
    history.checkout("main")
    history.pull_ref(1, head)
    closing = [{"repo": name, "number": 1001}]
    pull = sample_pull(1, baseRefOid=base, headRefOid=head, mergeCommit=None, closing=closing)
    return Repository.of(name, pulls=[pull], issues=[sample_issue(1001, updatedAt=stamp(1))])


def serve_large(site: Path) -> Repository:
    """A repository that meets the criteria of `curate repos find`."""
    found = serve_repository(site, LARGE)
    found.pulls |= {n: sample_pull(n, state="CLOSED", mergedAt=None) for n in range(2, 503)}
    found.facts |= {
        "createdAt": "2015-01-01T00:00:00Z",
        "stargazerCount": 900,
        "contributors": 900,
        "license": "MIT",
    }
    return found


def make_shims(folder: Path) -> None:
    """Let `curate` be that of this source tree."""
    folder.mkdir()
    shim = folder / "curate"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m curate "$@"\n')
    shim.chmod(0o755)


def fill_work(place: DocPlace) -> None:
    """Write the files that the pages name: a release, its key, a recipe, a file of rows."""
    work = place.folder
    with Store(work / "data") as store:
        store.certifications.save(make_certification(image=str(work / "built")))
    (work / "mine").mkdir()
    (work / "mine/owner__name.toml").write_text(GAPS)
    history = GitHistory.new(work / "history")
    history.change({"a.py": "1\n"})
    for version in ("0.9", "1.0", "1.2", "3.0", "4.0"):
        history.git("tag", f"v{version}")
    history.mirror(work / "data/mirrors/owner__name.git")
    key = ""
    if shutil.which("minisign"):
        place.run("minisign -G -W -f -s lab.sec -p lab.pub").check_returncode()
        key = "CURATE_SIGNING_KEY=lab.sec "
    options = "--output data/release --allow-local-images --no-verify"
    place.run(f"{key}curate publish {options}").check_returncode()
    [rows] = (work / "data/release/data").glob("train*.parquet")
    shutil.copy(rows, work / rows.name)
