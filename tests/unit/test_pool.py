"""A pool of trials: what fails on one candidate leaves the others alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from builders.errors import DiskFull, SandboxError
from curate.core.errors import NotFound, StoreError
from curate.environments.context import Options, Workshop
from curate.store import Store
from curate.validate.pool import Task, validate
from recipes import Recipe
from recipes.schema import EnvRecipe
from tests.helpers.factories import candidate

SKIPPED = Recipe(repo="owner/name", env=(EnvRecipe(skip="for the test"),))


@pytest.fixture
def run(tmp_path):
    """Validates two candidates, of which finding the mirror of the first raises *error*."""

    def made(error):
        first = candidate()
        second = replace(first, instance_id="owner__other-2", repo="owner/other", pull_number=2)

        def mirror(repo):
            if repo == first.repo:
                raise error
            return Path("mirror")

        with Store(tmp_path) as store, ThreadPoolExecutor(1) as sandboxes:
            shop = Workshop(
                store=store,
                backend=SimpleNamespace(release=lambda name: None, abort=lambda: None),
                settings=None,
                pythons=(),
                mirrors=mirror,
                stop=threading.Event(),
                report=lambda name, step: None,
                sandboxes=sandboxes,
            )
            for it in (first, second):
                store.save_candidate(it)
            tasks = [Task(candidate=it, recipe=SKIPPED) for it in (first, second)]
            return validate(tasks, Options(), shop)

    return made


@pytest.mark.parametrize("error", [NotFound("no mirror", hint="crawl"), SandboxError("no")])
def test_what_fails_on_one_candidate_does_not_end_the_batch(run, error):
    summary = run(error)
    assert list(summary.broken.values()) == [error]
    assert dict(summary.reasons) == {"recipe/skipped": 1}


@pytest.mark.parametrize("error", [StoreError("gone"), DiskFull("full")])
def test_what_fails_on_every_candidate_ends_the_batch(run, error):
    with pytest.raises(type(error)):
        run(error)
