"""Build back-ends asked in the local sandbox, with an index of small packages.

setuptools is the one that comes with Python.
"""

import ensurepip
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curate.builders.backends.local import LocalBackend
from curate.builders.git.tree import GitTree
from curate.builders.settings import BuildSettings
from curate.environments.ask_backend import ask_backend
from curate.environments.backend_question import BackendQuestion, BackendReply
from curate.environments.context import ValidationContext
from curate.recipes import EnvRecipe, Recipe
from curate.store import Store
from tests.doubles.packages import package_index, wheel
from tests.helpers.factories import make_candidate
from tests.helpers.fakes import not_none
from tests.helpers.git_history import GitHistory

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
DATE = datetime(2024, 5, 1, tzinfo=UTC)
RECIPE = Recipe(repo="owner/name")
TEST_PATCH = b"""\
diff --git a/tests/test_a.py b/tests/test_a.py
--- a/tests/test_a.py
+++ b/tests/test_a.py
@@ -1 +1 @@
-def test_a(): pass
+def test_a(): assert True
"""
BUNDLED = list((Path(ensurepip.__file__).parent / "_bundled").glob("setuptools-*.whl"))
SETUP = "from setuptools import setup\n{}\nsetup(name='thing', version='1', install_requires={})\n"


def setup_script(value: str, before: str = "") -> str:
    return SETUP.format(before, value)


@contextmanager
def local_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ValidationContext]:
    """A validation with the local sandbox and an index; its mirror is `tmp_path / "git"`."""
    monkeypatch.setattr("curate.builders.backends.local.SEED_OPTIONS", ())
    prefix = tmp_path / "pythons" / f"{PYTHON}.0"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / f"python{PYTHON}").symlink_to(Path(sys.executable).resolve())
    names = ("wheel", "pytest", "six", "toml", "helper")
    releases = [(BUNDLED[0].name, BUNDLED[0].read_bytes()), *(wheel(it, "2.0") for it in names)]
    with package_index(*releases) as url, Store(tmp_path / "store") as store:
        settings = BuildSettings(
            cache_dir=tmp_path / "cache", python_install_dir=tmp_path / "pythons", index_url=url
        )
        yield ValidationContext(
            store=store,
            backend=LocalBackend(settings),
            settings=settings,
            python_versions=(PYTHON,),
            get_mirror=lambda repo: tmp_path / "git" / ".git",
            stop_event=threading.Event(),
            report_step=lambda name, step: None,
            run_executor=ThreadPoolExecutor(1),
        )


def make_question(git: GitHistory, tree: GitTree, **more: Any) -> BackendQuestion:
    return BackendQuestion(
        candidate=replace(make_candidate(1), base_commit=git.head(), version="1.5"),
        recipe=RECIPE,
        env=EnvRecipe(),
        tree=tree,
        python=PYTHON,
        date=DATE,
        cutoff=DATE,
        **more,
    )


def ask(git: GitHistory, ctx: ValidationContext) -> BackendReply:
    with GitTree(git.path / ".git", git.head()) as tree:
        return not_none(ask_backend(ctx, make_question(git, tree)))


def required(reply: BackendReply) -> list[str]:
    assert reply.answer, reply
    return sorted(reply.answer.requires)
