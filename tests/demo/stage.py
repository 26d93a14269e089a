"""What surrounds the demo's commands: folders, doubles and the variables that lead to them."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.demo.history import write_history
from tests.demo.sample import ROOT, SAMPLE, Sample, load
from tests.demo.world import make_repository
from tests.doubles.github import GitHubDouble, World
from tests.doubles.hub import HubDouble

TOKEN = "dummy"
INTERRUPTED = 130  # exit code of a command that Ctrl-C ended


class CommandFailedError(Exception):
    """A command of the demo ended with something else than 0."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Everything stands ready: the commands can be typed."""

    sample: Sample
    folder: Path
    mirror: Path
    release: Path
    api_url: str
    variables: Mapping[str, str]  # what the user of the real services would set once

    def curate(self, *arguments: str) -> None:
        """Run a curate command as a user would, its output on this terminal."""
        print(f"\n$ {shlex.join(['curate', *arguments])}", flush=True)
        self._run("curate", *arguments, capture=False)

    def answer(self, *arguments: str, module: str = "curate") -> str:
        """Standard output of a command that is not part of the show."""
        return self._run(module, *arguments, capture=True)

    def _run(self, module: str, *arguments: str, capture: bool) -> str:
        with subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE if capture else None,
            text=True,
            encoding="utf-8",
        ) as process:
            try:
                output, _ = process.communicate()
            except KeyboardInterrupt:
                process.wait()  # it was interrupted, too, and cleans up
                raise
        if process.returncode == INTERRUPTED:
            raise KeyboardInterrupt
        if process.returncode:
            name = f"{module} {' '.join(arguments)}"
            raise CommandFailedError(f"`{name}` ended with exit code {process.returncode}.")
        return output or ""


@contextmanager
def prepared(folder: Path) -> Iterator[Stage]:
    """Make history, world and doubles under *folder*; all but its cache is made anew."""
    sample = load()
    for name in ("data", "mirrors", "world", "release", "huggingface"):
        shutil.rmtree(folder / name, ignore_errors=True)
    mirror = folder / "mirrors" / f"{sample.name.replace('/', '__')}.git"
    mirror.parent.mkdir(parents=True)
    repository = make_repository(sample, write_history(sample, mirror))
    repository.save(folder / "world")
    with GitHubDouble(World(repository), token=TOKEN) as github, HubDouble() as hub:
        yield Stage(
            sample=sample,
            folder=folder,
            mirror=mirror,
            release=folder / "release",
            api_url=github.url,
            variables={
                **hub.environment(folder / "huggingface"),
                "CURATE_DATA_DIR": str(folder / "data"),
                "CURATE_CACHE_DIR": os.environ.get("CURATE_CACHE_DIR") or str(folder / "cache"),
                "CURATE_RECIPES_DIR": str(SAMPLE),
                "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
                "GITHUB_TOKEN": TOKEN,
            },
        )
