"""A pool of trials: what fails on one candidate leaves the others alone."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from curate.builders.errors import DiskFullError, SandboxError
from curate.core.errors import NotFoundError, StoreError
from curate.environments.context import ValidationContext, ValidationOptions
from curate.recipes import Recipe
from curate.recipes.schema import EnvRecipe
from curate.store import Store
from curate.validate.pool import ValidationSummary, ValidationTask, validate_tasks
from tests.helpers.factories import make_candidate
from tests.helpers.fakes import UNUSED, fake

RunPool = Callable[[Exception], ValidationSummary]


SKIPPED = Recipe(repo="owner/name", env=(EnvRecipe(skip="for the test"),))


@pytest.fixture
def run(tmp_path: Path) -> RunPool:
    """Validates two candidates, of which finding the mirror of the first raises *error*."""

    def made(error: Exception) -> ValidationSummary:
        first = make_candidate()
        second = replace(first, instance_id="owner__other-2", repo="owner/other", pull_number=2)

        def mirror(repo: str) -> Path:
            if repo == first.repo:
                raise error
            return Path("mirror")

        with Store(tmp_path) as store, ThreadPoolExecutor(1) as sandboxes:
            ctx = ValidationContext(
                store=store,
                backend=fake(release_instance=lambda name: None, abort_all=lambda: None),
                settings=UNUSED,
                python_versions=(),
                get_mirror=mirror,
                stop_event=threading.Event(),
                report_step=lambda name, step: None,
                run_executor=sandboxes,
            )
            for it in (first, second):
                store.save_candidate(it)
            tasks = [ValidationTask(candidate=it, recipe=SKIPPED) for it in (first, second)]
            return validate_tasks(tasks, ValidationOptions(), ctx)

    return made


@pytest.mark.parametrize("error", [NotFoundError("no mirror", hint="crawl"), SandboxError("no")])
def test_what_fails_on_one_candidate_does_not_end_the_batch(run: RunPool, error: Exception) -> None:
    summary = run(error)
    assert list(summary.infra_failures.values()) == [error]
    assert dict(summary.reasons) == {"recipe/skipped": 1}


@pytest.mark.parametrize("error", [StoreError("gone"), DiskFullError("full")])
def test_what_fails_on_every_candidate_ends_the_batch(run: RunPool, error: Exception) -> None:
    with pytest.raises(type(error)):
        run(error)
