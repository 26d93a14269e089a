"""A pool of trials: what fails on one candidate leaves the others alone."""

import errno
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from curate.builders.errors import DiskFullError, SandboxError
from curate.builders.git.run import GitCommandError
from curate.core.errors import NotFoundError, StoreError
from curate.core.model import Validation
from curate.environments.context import ValidationContext, ValidationOptions
from curate.recipes import Recipe, RecipeError, RecipeLibrary
from curate.recipes.schema import EnvRecipe
from curate.store import Store
from curate.validate.attempts import compute_inputs_hash
from curate.validate.pool import ValidationSummary, ValidationTask, pending_tasks, validate_tasks
from tests.helpers.factories import make_candidate, make_validation
from tests.helpers.fakes import UNUSED, fake, make_context

RunPool = Callable[..., ValidationSummary]


SKIPPED = Recipe(repo="owner/name", env=(EnvRecipe(skip="for the test"),))


@pytest.fixture
def run(tmp_path: Path) -> RunPool:
    """Validates two candidates, of which finding the mirror of the first raises *error*."""

    def made(error: Exception | None, recipe: Recipe | RecipeError = SKIPPED) -> ValidationSummary:
        first = make_candidate()
        again = replace(first, instance_id="owner__name-3", pull_number=3)
        second = replace(first, instance_id="owner__other-2", repo="owner/other", pull_number=2)

        def mirror(repo: str) -> Path:
            if error and repo == first.repo:
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
            for it in (first, again, second):
                store.save_candidate(it)
            tasks = [
                ValidationTask(candidate=it, recipe=recipe if it.repo == first.repo else SKIPPED)
                for it in (first, again, second)
            ]
            return validate_tasks(tasks, ValidationOptions(), ctx)

    return made


FAILURES = (
    NotFoundError("no mirror", hint="crawl"),
    SandboxError("no"),
    GitCommandError(["log"], 128, b"corrupt"),
    RecursionError("deep"),
    ValueError("odd"),
    PermissionError(errno.EACCES, "no"),
)


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_what_fails_on_one_candidate_does_not_end_the_batch(run: RunPool, error: Exception) -> None:
    summary = run(error)
    assert list(summary.infra_failures) == ["owner__name-7", "owner__name-3"]
    assert all(str(error) in str(failure) for failure in summary.infra_failures.values())
    assert all(
        failure.hint or error in FAILURES[1:2] for failure in summary.infra_failures.values()
    )
    assert dict(summary.reasons) == {"recipe/skipped": 1}


def test_a_bug_is_told_once_and_its_traceback_is_in_the_log(
    run: RunPool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "curate")
    summary = run(ValueError("odd"))
    assert {str(it) for it in summary.infra_failures.values()} == {"unexpected ValueError: odd"}
    (told,) = [it.getMessage() for it in caplog.records if it.levelno == logging.ERROR]
    assert "owner__name-7" in told and "ValueError: odd" in told
    assert "Traceback" in caplog.text and "test_pool.py" in caplog.text


def test_a_recipe_that_cannot_be_read_is_its_repositorys_alone(run: RunPool) -> None:
    error = RecipeError("not TOML", hint="fix it")
    summary = run(ValueError("unused"), error)
    assert list(summary.infra_failures.values()) == [error, error]
    assert dict(summary.reasons) == {"recipe/skipped": 1}


def test_a_verdict_that_cannot_be_stored_is_its_candidates_alone(
    run: RunPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Store.save_validation

    def refuse(store: Store, repo: str, validation: Validation) -> None:
        if repo == "owner/name":
            raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")
        save(store, repo, validation)

    monkeypatch.setattr(Store, "save_validation", refuse)
    summary = run(None)
    assert len(summary.infra_failures) == 2
    assert dict(summary.reasons) == {"recipe/skipped": 1}


@pytest.mark.parametrize(
    "error", [StoreError("gone"), DiskFullError("full"), OSError(errno.ENOSPC, "full")]
)
def test_what_fails_on_every_candidate_ends_the_batch(run: RunPool, error: Exception) -> None:
    with pytest.raises(type(error)):
        run(error)


def test_a_broken_recipe_leaves_the_tasks_of_other_repositories(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "owner__name.toml").write_text("no TOML")
    library = RecipeLibrary((tmp_path / "recipes",))
    first = make_candidate()
    second = replace(first, instance_id="owner__other-2", repo="owner/other", pull_number=2)
    with Store(tmp_path / "data") as store:
        for it in (first, second):
            store.save_candidate(it)
        tasks, _ = pending_tasks(store, library, ValidationOptions(), ids=(), repo=None)
        recipes = {task.candidate.repo: type(task.recipe) for task in tasks}
        assert recipes == {"owner/name": RecipeError, "owner/other": Recipe}
        with pytest.raises(RecipeError, match="does not exist"):
            missing = RecipeLibrary((tmp_path / "missing",))
            pending_tasks(store, missing, ValidationOptions(), ids=(), repo=None)


@pytest.mark.parametrize(
    ("change", "outdated"),
    [("", []), ('env = [{versions = "<2"}, {versions = ">=2", python = "3.8"}]', [2])],
)
def test_a_changed_range_of_the_recipe_outdates_its_own_versions_alone(
    tmp_path: Path, change: str, outdated: list[int]
) -> None:
    options, library = ValidationOptions(), RecipeLibrary((tmp_path,))
    file = tmp_path / "owner__name.toml"
    recipe = 'repo = "owner/name"\n'
    file.write_text(recipe + 'env = [{versions = "<2"}, {versions = ">=2"}]\n')
    with Store(tmp_path / "data") as store:
        for number, version in ((1, "1.5"), (2, "2.0"), (3, "1.5")):
            name = f"owner__name-{number}"
            one = make_candidate(instance_id=name, pull_number=number, version=version)
            inputs = compute_inputs_hash(one, library.get_recipe(one.repo), options)
            store.save_candidate(one)
            store.save_validation(one.repo, make_validation(number, inputs_hash=inputs))
        file.write_text(recipe + (change or file.read_text().removeprefix(recipe)))
        tasks, up_to_date = pending_tasks(
            store, RecipeLibrary((tmp_path,)), options, ids=(), repo=None
        )
        assert [task.candidate.pull_number for task in tasks] == outdated
        assert up_to_date == 3 - len(outdated)


def test_an_interrupted_call_discards_what_its_threads_get(tmp_path: Path) -> None:
    seen: list[tuple[bool, ...]] = []
    first = make_candidate()

    def interrupt(repo: str) -> Path:
        raise KeyboardInterrupt

    with Store(tmp_path) as store:
        ctx = replace(make_context(store, fake()), get_mirror=interrupt)
        events = ctx.stop_event, ctx.abort_event
        ctx.backend.abort_all = lambda: seen.append(tuple(it.is_set() for it in events))  # type: ignore[method-assign]
        task = ValidationTask(candidate=first, recipe=SKIPPED)
        with pytest.raises(KeyboardInterrupt):
            validate_tasks([task], ValidationOptions(), ctx)
    assert seen == [(True, True)]
