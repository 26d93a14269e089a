"""An instance that the local sandbox runs: a tiny project, its gold patch, and a store with it."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from curate.builders.model import BuiltInstance
from curate.core.model import Candidate, CrawlState, Validation, Verdict
from curate.core.task import Task
from curate.environments.stored_tasks import make_stored_task
from curate.store import Store
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.lean_python import make_lean_environment
from tests.helpers.sandbox_behaviours import lay_project

SOURCE = "def double(number):\n    return number\n\n\ndef name():\n    return 'kestrel'\n"
TESTS = "from birds import double, name\n\n\ndef test_name():\n    assert name() == 'kestrel'\n"
NEW_TEST = "\n\ndef test_double():\n    assert double(2) == 4\n"
FILES = {
    "birds.py": SOURCE,
    "tests/test_birds.py": TESTS,
    "setup.cfg": "[metadata]\nname = birds\n\n[tool:pytest]\naddopts = --strict-markers\n",
    "pyproject.toml": '[build-system]\nrequires = ["setuptools"]\n',
}


@dataclass(frozen=True, kw_only=True)
class LocalTask:
    """What tests need of the instance."""

    candidate: Candidate
    validation: Validation
    built: BuiltInstance

    @property
    def task(self) -> Task:
        """As grading takes it."""
        return make_stored_task(self.candidate, self.validation)

    @property
    def checkout(self) -> Path:
        """A git repository at the base commit."""
        return Path(self.built.handle) / "checkout"

    def diff(self, **changes: str | bytes | None) -> bytes:
        """Return the diff that writes *changes* by path; None removes a file."""
        return diff_of(self.checkout, changes)

    def save(self, folder: Path) -> None:
        """Save candidate and validation in the store in *folder*."""
        with Store(folder) as store:
            store.save_candidate(self.candidate)
            store.save_validation(self.candidate.repo, self.validation)


def make_local_task(folder: Path) -> LocalTask:
    """Make the instance `owner__name-7` in *folder*."""
    handle = folder / "built"
    lay_project(handle / "checkout", FILES)
    (handle / "venv").symlink_to(make_lean_environment())
    gold = diff_of(handle / "checkout", {"birds.py": SOURCE.replace("number\n", "2 * number\n", 1)})
    tests = diff_of(handle / "checkout", {"tests/test_birds.py": TESTS + NEW_TEST})
    candidate = make_candidate(7, patch=gold, test_patch=tests)
    plain = make_validation(7)
    assert plain.environment is not None
    environment = replace(plain.environment, backend="local", handle=str(handle), digest="")
    names = ("test_double", "test_name")
    fixed, kept = (f"tests/test_birds.py::{name}" for name in names)
    return LocalTask(
        candidate=candidate,
        validation=replace(
            plain,
            test_command="python -m pytest -q tests/test_birds.py",
            environment=environment,
            verdict=Verdict(fail_to_pass=(fixed,), pass_to_pass=(kept,)),
        ),
        built=BuiltInstance(
            name="owner__name-7", backend="local", handle=str(handle), environment_key="k"
        ),
    )


def diff_of(checkout: Path, changes: dict[str, str | bytes | None]) -> bytes:
    """Return git's diff of *changes* by path; the checkout is as before afterwards."""
    for path, content in changes.items():
        target = checkout / path
        if content is None:
            target.unlink()
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    git = ["git", "-C", str(checkout)]
    subprocess.run([*git, "add", "-A"], check=True)
    diff = subprocess.run([*git, "diff", "--cached", "--binary"], capture_output=True, check=True)
    subprocess.run([*git, "reset", "-q", "--hard"], check=True)
    return diff.stdout


def store_local_task(folder: Path) -> LocalTask:
    """Make a task in *folder* and save it, with its pull request, in the store `data` there."""
    made = make_local_task(folder)
    with Store(folder / "data") as store:
        store.save_page("owner/name", [make_pull(7, repo="owner/name")], CrawlState())
    made.save(folder / "data")
    return made
