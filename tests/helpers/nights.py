"""Two projects on doubles, and `curate rebuild` night after night on them.

GitHub, the package index and the Hub are servers on loopback; git, uv, pytest and the store are
real. A pull request's number is the day of 2020 that it is of. In the docker sandbox, whose builds
do not reach loopback, so is the index.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.core.model import Validation
from curate.store import Store
from tests.doubles.github.data import Repository, World
from tests.doubles.github.samples import sample_issue, sample_pull, stamp
from tests.doubles.github.server import GitHubDouble
from tests.doubles.packages import IndexState, installed_wheel, serve_index, wheel
from tests.helpers.git_history import START, GitHistory
from tests.helpers.terminal import Typed, typed

BIRDS, STONES = "lab/birds", "lab/stones"
ISSUES = 1000  # issue of pull n is n + ISSUES
DAY = 86400
TOOLS = ("pytest", "iniconfig", "packaging", "pluggy", "pygments", "pip", "setuptools")
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
SITE = 'python -c "import site; print(site.getsitepackages()[0])"'
OLD_PYTHON = "3.8"  # on which packages of 2020 run
RECIPE = f"""
repo = "{{repo}}"
import_name = "{{name}}"
[[env]]
python = "{{python}}"
install = ['pwd > "$({SITE})/own.pth"']
"""
ENGINE = (  # what containers need of this machine
    "CURATE_BASE_IMAGE", "CURATE_CA_BUNDLE", "CURATE_DOCKER_CLI", "CURATE_PYTHON_INSTALL_DIR",
)  # fmt: skip
PROJECT = '[project]\nname = "{name}"\nversion = "1"\ndependencies = ["helper"]\n'
SOURCE = "import helper\n\nDONE = []\n"
KEPT = "import {name}\n\n\ndef test_kept():\n    assert {name}.DONE is not None\n"
FIXED = "import {name}\n\n\ndef test_{number}():\n    assert {number} in {name}.DONE\n{more}"


@dataclass
class Project:
    """A repository: its git history, and what GitHub knows of it."""

    history: GitHistory
    data: Repository
    source: str = SOURCE
    merged: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of its module."""
        return self.data.name.partition("/")[2]

    def add_pull(self, number: int, *, test: bool = True, more: str = "", body: str = "") -> None:
        """Merge a pull that makes a test of its own pass; without *test*, it has none."""
        git = self.history
        git.clock = START + DAY * number
        base = git.head()
        git.branch(f"pull-{number}")
        done = [*self.merged, number]
        changed = {f"{self.name}.py": self.source.replace("[]", repr(done))}
        if test:
            text = FIXED.format(name=self.name, number=number, more=more)
            changed[f"tests/test_{number}.py"] = text
        head = git.change(changed, f"Do {number}")
        git.pull_ref(number, head)
        git.checkout("main")
        git.merge(f"pull-{number}")
        self.merged.append(number)
        text = body or f"Nothing is done in {number}. " + f"It should be number {number}. " * 9
        self.data.issues[number + ISSUES] = sample_issue(
            number + ISSUES, body=text, createdAt=stamp(24 * number), updatedAt=stamp(24 * number)
        )
        self.data.pulls[number] = sample_pull(
            number,
            baseRefOid=base,
            headRefOid=head,
            mergeCommit=None,
            closing=[{"repo": self.data.name, "number": number + ISSUES}],
        )


@dataclass
class NightWorld:
    """The services, and where the user's machine has its things."""

    folder: Path
    github: GitHubDouble
    index: IndexState
    projects: Mapping[str, Project]
    variables: dict[str, str]
    sandbox: str = "local"

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def release(self) -> Path:
        """The directory of the release."""
        return self.data / "release"

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Return the words of the nightly command."""
        words = (
            "rebuild",
            BIRDS,
            STONES,
            "--sandbox",
            self.sandbox,
            "--runs",
            "2",
            "-j",
            "2",
            "--json",
        )
        return *words, "--report", str(self.folder / "report.md"), *arguments

    def rebuild(self, *arguments: str, **variables: str) -> "Night":
        """Run the night."""
        self._forget_requests()
        done = typed(self.command(*arguments), self.folder, {**self.variables, **variables})
        return Night(done, json.loads(done.stdout), self)

    def rebuild_apart(self, *arguments: str, **variables: str) -> "Night":
        """Run the night in a process of its own; the Hub's client reads its variables only once."""
        self._forget_requests()
        process = self.start(*arguments, **variables)
        out, errors = process.communicate()
        done = Typed(returncode=process.returncode, stdout=out, stderr=errors)
        return Night(done, json.loads(out), self)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Begin the night in a process of its own."""
        own = {key: it for key, it in os.environ.items() if not key.startswith(("CURATE_", "GH_"))}
        root = {"PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.Popen(
            [sys.executable, "-m", "curate", *self.command(*arguments)],
            cwd=self.folder,
            env={**own, **self.variables, **root, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _forget_requests(self) -> None:
        self.github.requests.clear()
        self.index.asked.clear()

    def validations(self) -> dict[str, Validation]:
        """Return what is stored, by the end of the id."""
        with Store(self.data) as store:
            found = map(store.get_validation, store.validated_inputs())
            return {it.instance_id.partition("__")[2]: it for it in found if it}


@dataclass(frozen=True)
class Night:
    """What a night left."""

    done: Typed
    document: Any
    world: NightWorld

    @property
    def code(self) -> int:
        """The exit code."""
        return self.done.returncode

    @property
    def report(self) -> str:
        """The Markdown."""
        return (self.world.folder / "report.md").read_text(encoding="utf-8")

    def of(self, repo: str, *names: str) -> tuple[Any, ...]:
        """Return the values of *names* for *repo*."""
        return tuple(self.document["repositories"][repo][name] for name in names)

    def totals(self, *names: str) -> tuple[Any, ...]:
        """Return the sums of *names* over all repositories."""
        return tuple(self.document["totals"][name] for name in names)

    @property
    def rows(self) -> dict[str, int]:
        """Rows of the release by split."""
        return dict(self.document["release"]["rows"])

    def diff(self, split: str = "train") -> tuple[list[str], list[str], list[str]]:
        """Return what was added, removed and changed, by the end of the ids."""
        for it in self.document["release"]["diff"]:
            if it["split"] == split:
                parts = (it["added"], it["removed"], it["changed"])
                added, removed, changed = (
                    [name.partition("__")[2] for name in names] for names in parts
                )
                return added, removed, changed
        return [], [], []


@contextmanager
def night_world(folder: Path, sandbox: str = "local") -> Iterator[NightWorld]:
    """Serve two projects without pulls."""
    projects = _make_projects(folder, sandbox)
    tools = dict([*map(installed_wheel, TOOLS), wheel("wheel", "0.40.0")])
    index = IndexState(contents=tools, uploaded=dict.fromkeys(tools, "2019-01-01"))
    for version, day in (("1.0", "2019-06-01"), ("1.1", "2019-09-01")):
        file, content = wheel("helper", version)
        index.contents[file], index.uploaded[file] = content, day
    world = World(*(it.data for it in projects.values()))
    prefix = folder / "pythons" / f"{PYTHON}.0" / "bin"
    prefix.mkdir(parents=True)
    (prefix / f"python{PYTHON}").symlink_to(Path(sys.executable).resolve())
    with GitHubDouble(world, token="right") as github, serve_index(index) as url:
        machine = {"CURATE_INDEX_URL": url, "CURATE_PYTHON_INSTALL_DIR": str(folder / "pythons")}
        if sandbox != "local":
            machine = {name: os.environ[name] for name in ENGINE if name in os.environ}
        variables = {
            **machine,
            "CURATE_GITHUB_API_URL": github.url,
            "CURATE_RECIPES_DIR": str(folder / "recipes"),
            "CURATE_CACHE_DIR": str(folder / "cache"),
            "GITHUB_TOKEN": "right",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{folder / 'site'}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
        }
        yield NightWorld(folder, github, index, projects, variables, sandbox)


def _make_projects(folder: Path, sandbox: str) -> dict[str, Project]:
    """Return both projects, whose recipes are written."""
    projects, helper = {}, "helper" if sandbox == "local" else "six"
    python = PYTHON if sandbox == "local" else OLD_PYTHON
    (folder / "recipes").mkdir()
    for repo in (BIRDS, STONES):
        name = repo.partition("/")[2]
        source = SOURCE.replace("helper", helper)
        history = GitHistory.new(folder / "site" / f"{repo}.git")
        files = {"pyproject.toml": PROJECT, "tests/test_kept.py": KEPT, "LICENSE": MIT}
        texts = {path: text.replace("{name}", name) for path, text in files.items()}
        texts["pyproject.toml"] = texts["pyproject.toml"].replace("helper", helper)
        history.change({**texts, f"{name}.py": source})
        projects[repo] = Project(history, Repository.of(repo), source)
        text = RECIPE.format(repo=repo, name=name, python=python)
        (folder / "recipes" / f"{repo.replace('/', '__')}.toml").write_text(text)
    return projects


MIT = """MIT License

Copyright (c) 2020 Lab

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
