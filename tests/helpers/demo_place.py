"""A directory as the demo leaves it: its store, its environments, and the sample release."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.demo.sample import ROOT
from tests.demo.sample_release import SAMPLE_RELEASE


@dataclass(frozen=True, kw_only=True)
class DemoPlace:
    """Where examples run as in a clone of the repository after `make demo`."""

    folder: Path  # with `.cache/demo` and `data/sample-release`
    remade: Path  # the sample release, as the demo writes it now
    variables: Mapping[str, str]


def make_demo_place(folder: Path) -> DemoPlace:
    """Run the demo in *folder* with the local sandbox, and lay the sample release beside it."""
    remade = folder / "remade" / "sample-release"
    command = ["--folder", str(folder / ".cache" / "demo"), "--sample-release", str(remade)]
    variables = {"CURATE_CACHE_DIR": str(folder / ".cache" / "demo" / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo", *command],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "data").mkdir()
    (folder / "data" / "sample-release").symlink_to(SAMPLE_RELEASE)
    return DemoPlace(folder=folder, remade=remade, variables=variables)
