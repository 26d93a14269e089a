"""A repository and a sandbox that prints what pytest prints where the lock lacks something.

Git, plans and the store are real; resolver and sandbox are stand-ins.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement as Parsed

from curate.builders.model import (
    BuiltInstance,
    Failure,
    InstanceSpec,
    Outcome,
    RequirementsLock,
    RunResult,
    RunSpec,
    RunStatus,
)
from curate.builders.requirements import Manifest
from curate.core.model import Candidate, Validation
from curate.environments.context import ValidationOptions
from curate.recipes import Recipe
from curate.store import Store
from curate.validate.attempts import validate_candidate
from tests.helpers.factories import make_candidate
from tests.helpers.fakes import make_context
from tests.helpers.git_history import GitHistory

OPTIONS = ValidationOptions(runs=1, measure_strength=False)
IN_INDEX = {
    "trustme",
    "pyyaml",
    "pytest-mock",
    "pytest-cov",
    "numpy",
    "late",
    "both",
    "dataclasses",
}
SETUP = "from setuptools import setup\nsetup(name='proj', classifiers=['{}'])\n"
PYTHONS = "Programming Language :: Python :: 3.7', 'Programming Language :: Python :: 3.8"
TEST = "tests/test_m.py"
CHANGED_TEST = "changed"

SIBLING = {
    "tools/helpers/other.py": "",
    "packages/beside/setup.py": "",
    "packages/beside/beside/__init__.py": "",
    "requirements.txt": "beside\n",
}

Printer = Callable[["Sandbox", set[str], InstanceSpec, RunSpec], str]


@dataclass
class Sandbox:
    """Runs one test, which passes with the gold patch if *complain* has nothing to say."""

    complain: Printer
    prints: str = ""
    name: str = "docker"
    steps_left: int = 1 << 30
    commands: list[str] = field(default_factory=list)
    specs: dict[str, InstanceSpec] = field(default_factory=dict)

    def layer_names(self, spec: InstanceSpec) -> dict[str, str]:
        return {"environment": spec.lock.text + " ".join(spec.system_packages)}

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        handle = f"{spec.lock.text}{spec.system_packages}{spec.env_vars}{spec.python}"
        self.specs[handle] = spec
        return BuiltInstance(
            name=spec.name, backend="docker", handle=handle, environment_key="k", digest=handle
        )

    def run_tests(self, built: BuiltInstance, spec: RunSpec) -> RunResult:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise KeyboardInterrupt
        self.commands.append(spec.command)
        instance = self.specs[built.handle]
        names = {package.partition("==")[0] for package in instance.lock.packages}
        text = self.complain(self, names, instance, spec)
        if text:
            return RunResult(
                status=RunStatus.CRASHED,
                exit_code=4,
                output=text.encode(),
                detail="the pytest session did not finish (exit code 4)",
            )
        fixed = b"+fixed" in b"".join(spec.patches)
        outcome = Outcome.PASSED if fixed else Outcome.FAILED
        return RunResult(
            status=RunStatus.COMPLETED,
            outcomes={f"{TEST}::test_a": outcome},
            output=self.prints.encode(),
        )

    def release_instance(self, name: str) -> None:
        """Nothing is held."""


def resolve(manifest: Manifest, *, python: str, cutoff: datetime, settings: object) -> Any:
    """Lock what the index has, in version 0 if it is constrained; what it lacks is dropped."""
    names = sorted({item.name for item in manifest.requirements} & IN_INDEX | {"pytest"})
    bounded = {Parsed(line).name for line in manifest.constraints}
    text = "".join(f"{name}=={0 if name in bounded else 1}\n" for name in names)
    return RequirementsLock(text=text, python=python, exclude_newer=cutoff)


def conftest_error(module: str) -> str:
    return (
        "ImportError while loading conftest '/testbed/tests/conftest.py'.\n"
        f"tests/conftest.py:3: in <module>\n    import {module}\n"
        f"E   ModuleNotFoundError: No module named '{module}'\n"
    )


def lacks(**needed: str) -> Printer:
    """Complain of the first of *needed* (distribution without dashes: message) that is missing."""

    def complain(_: Sandbox, names: set[str], instance: InstanceSpec, spec: RunSpec) -> str:
        plain = {name.replace("-", "_") for name in names}
        return next((text for name, text in needed.items() if name not in plain), "")

    return complain


@dataclass
class World:
    """A repository with these files at the base commit, and later ones."""

    folder: Path
    files: Mapping[str, str]
    later: Mapping[str, str] = field(default_factory=dict)

    def make(self) -> tuple[Path, Candidate]:
        git = GitHistory.new(self.folder / "work")
        base = git.change(
            {"setup.py": SETUP.format(PYTHONS), "proj/__init__.py": "", TEST: "", **self.files}
        )
        git.branch("pull")
        head = git.change({TEST: CHANGED_TEST})
        git.checkout("main")
        git.clock += 40 * 86400
        git.change(self.later)
        candidate = replace(
            make_candidate(1),
            base_commit=base,
            head_commit=head,
            created_at=datetime.fromtimestamp(git.clock, UTC) - timedelta(days=39),
            patch=b"diff --git a/proj/m.py b/proj/m.py\n--- a/proj/m.py\n+++ b/proj/m.py\n"
            b"@@ -1 +1 @@\n-old\n+fixed\n",
            test_patch=f"diff --git a/{TEST} b/{TEST}\n--- a/{TEST}\n+++ b/{TEST}\n"
            "@@ -1 +1 @@\n-a\n+b\n".encode(),
        )
        return git.path / ".git", candidate


@dataclass
class Tried:
    record: Validation
    sandbox: Sandbox

    @property
    def added(self) -> list[str]:
        """The notes on what was changed, without those that every lock has."""
        environment = self.record.environment
        notes = environment.lock_adjustments if environment else ()
        return [note for note in notes if not note.endswith("it is not declared")]


Try = Callable[..., Tried]


def try_candidate(
    folder: Path,
    complain: Printer,
    files: Mapping[str, str] | None = None,
    later: Mapping[str, str] | None = None,
    prints: str = "",
    **env: Any,
) -> Tried:
    """Validate the candidate of a repository with these *files*, in *folder*."""
    mirror, candidate = World(folder, files or {}, later or {}).make()
    recipe = Recipe.model_validate({"repo": "owner/name", "env": [env]})
    sandbox = Sandbox(complain, prints)
    with Store(folder / "store") as store:
        ctx = replace(make_context(store, sandbox, mirror), python_versions=("3.7", "3.8"))
        return Tried(validate_candidate(candidate, recipe, OPTIONS, ctx), sandbox)
