"""Which locks a trial tries, and that none is made twice."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from curate.builders.errors import SandboxError
from curate.builders.model import Failure, RequirementsLock
from curate.core.model import Rejection, Validation, Verdict
from curate.environments.context import ValidationOptions
from curate.environments.plan import ValidationPlan
from curate.environments.submodules import CandidateSubmodules
from curate.environments.variants import RequirementsVariant
from curate.recipes import Recipe
from curate.recipes.schema import EnvRecipe
from curate.store import Store
from curate.validate import attempts
from curate.validate.attempt import Attempt
from tests.helpers.factories import make_candidate, make_validation
from tests.helpers.fakes import UNUSED, fake, make_context, not_none

AttemptNames = Callable[..., tuple[list[str], int]]


DATE = datetime(2023, 1, 1, tzinfo=UTC)
OLD = DATE - timedelta(days=9)
ANEW = fake(resume=lambda name, step, kind, finish: finish())  # a context that has no steps stored
FAILURE = Failure(stage="lock", reason="unsatisfiable")


def lock(name: str) -> RequirementsLock:
    return RequirementsLock(text=f"{name}==1\n", python="3.8", exclude_newer=OLD)


@pytest.fixture
def attempt_names(monkeypatch: pytest.MonkeyPatch) -> AttemptNames:
    """Names of the attempts for the shared locks of grounds; counts the exact locks made."""

    def run(
        exact: RequirementsLock | Failure,
        ci: dict[str, str] | None = None,
        cutoff: datetime = DATE,
        **shared: RequirementsLock | Failure,
    ) -> tuple[list[str], int]:
        made: list[int] = []

        def make_lock(
            plan: object, ground: RequirementsVariant, date: datetime, ctx: object
        ) -> RequirementsLock | Failure:
            if date == cutoff:
                return shared[ground.requirements_from]
            made.append(1)
            return (
                replace(exact, exclude_newer=date) if isinstance(exact, RequirementsLock) else exact
            )

        monkeypatch.setattr(attempts, "get_or_create_lock", make_lock)
        grounds = [
            RequirementsVariant(
                requirements_from=it, manifest=UNUSED, python="3.8", date=DATE, cutoff=cutoff
            )
            for it in shared
        ]
        env = EnvRecipe(ci_env_vars=ci or {}, env_vars={"A": "1", "B": "2"})
        plan = ValidationPlan(
            candidate=UNUSED, recipe=UNUSED, env=env, selection=UNUSED, variants=tuple(grounds)
        )
        names, records = [], list[Validation]()
        for attempt in attempts.iter_attempts(plan, UNUSED, records):
            names.append(attempt.name)
            records.append(make_validation(rejection=BROKEN))
        return names, len(made)

    return run


def test_a_lock_of_the_very_date_is_not_made_again(attempt_names: AttemptNames) -> None:
    assert attempt_names(lock("a"), base=lock("a")) == (["base requirements"], 0)
    assert attempt_names(FAILURE, base=FAILURE) == (["base requirements"], 0)


def test_an_older_lock_is_followed_by_one_of_the_date_where_that_differs(
    attempt_names: AttemptNames,
) -> None:
    assert attempt_names(lock("a"), cutoff=OLD, base=lock("a")) == (["base requirements"], 1)
    names, _ = attempt_names(lock("b"), cutoff=OLD, base=lock("a"))
    assert names == ["base requirements", "base requirements, strict cutoff"]


def test_what_cannot_be_resolved_as_of_the_shared_cutoff_may_be_at_the_date(
    attempt_names: AttemptNames,
) -> None:
    names, _ = attempt_names(lock("b"), {"B": "3"}, cutoff=OLD, base=FAILURE)
    assert names == ["base requirements", "base requirements, CI variables"]
    assert attempt_names(FAILURE, cutoff=OLD, base=FAILURE) == (["base requirements"], 1)


def test_releases_from_after_the_shared_cutoff_come_from_the_lock_of_the_date(
    attempt_names: AttemptNames,
) -> None:
    newer = replace(lock("a==3"), newer=("a",))
    exact = lock("a==2")
    assert attempt_names(exact, cutoff=OLD, base=newer) == (["base requirements"], 1)
    names, _ = attempt_names(exact, cutoff=OLD, base=lock("b"), gold=newer)
    assert names == ["base requirements", "gold requirements"]
    unmet = replace(exact, newer=("a",))
    names, _ = attempt_names(unmet, cutoff=OLD, base=newer)
    assert names == ["base requirements", "base requirements, strict cutoff"]


def test_golds_requirements_are_tried_where_they_give_other_packages(
    attempt_names: AttemptNames,
) -> None:
    names, _ = attempt_names(lock("a"), base=lock("a"), gold=lock("b"))
    assert names == ["base requirements", "gold requirements"]
    names, _ = attempt_names(lock("a"), base=lock("a"), gold=lock("a"))
    assert names == ["base requirements"]


def test_variables_of_the_projects_ci_come_last_and_with_the_first_lock(
    attempt_names: AttemptNames,
) -> None:
    ci = {"B": "3"}
    names, _ = attempt_names(lock("b"), ci, cutoff=OLD, base=lock("a"))
    assert names[1:] == [
        "base requirements, strict cutoff",
        "base requirements, CI variables",
    ]
    assert attempt_names(FAILURE, ci, base=FAILURE) == (["base requirements"], 0)


NONE = Rejection(stage="validate", reason="no-fail-to-pass")
BROKEN = Rejection(stage="build", reason="environment-failed")


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (NONE, None, ["a: validate/no-fail-to-pass", "b: verified"]),
        (NONE, NONE, ["a: validate/no-fail-to-pass", "b: validate/no-fail-to-pass"]),
        (BROKEN, None, ["a: build/environment-failed"]),
        (None, None, ["a: verified"]),
    ],
)
def test_ci_is_tried_where_runs_showed_nothing_and_only_there(
    monkeypatch: pytest.MonkeyPatch,
    first: Rejection | None,
    second: Rejection | None,
    told: list[str],
) -> None:
    plan = ValidationPlan(
        candidate=UNUSED,
        recipe=UNUSED,
        env=EnvRecipe(ci_env_vars={"B": "3"}, env_vars={"A": "1", "B": "2"}),
        selection=UNUSED,
        variants=(),
    )
    locked = lock("a")
    ground = fake(manifest=fake(notes=()))
    tries = [
        Attempt(name="a", plan=plan, variant=ground, lock=locked),
        Attempt(name="b", plan=replace(plan, use_ci_env=True), variant=ground, lock=locked),
    ]

    def attempted(
        attempt: Attempt, options: ValidationOptions, ctx: object, blank: Validation
    ) -> Validation:
        tried = attempt.plan
        why = second if tried.use_ci_env else first
        verdict = Verdict(fail_to_pass=("t",) * (not why), pass_to_pass=(), rejection=why)
        seen.append(dict(tried.env_vars))
        return replace(blank, verdict=verdict, runs=() if why is BROKEN else blank.runs)

    seen: list[dict[str, str]] = []
    monkeypatch.setattr(attempts, "iter_attempts", lambda *_: iter(tries))
    monkeypatch.setattr(attempts, "run_attempt", attempted)
    record = attempts.first_verified(plan, ValidationOptions(), ANEW, make_validation())
    assert record.attempts == tuple(told)
    assert record.is_verified == told[-1].endswith("verified")
    assert seen == [{"A": "1", "B": "2"}, {"A": "1", "B": "3"}][: len(told)]


@pytest.mark.parametrize("ending", [None, SandboxError("gone")])
def test_what_was_built_for_a_trial_may_go_when_it_ends(
    monkeypatch: pytest.MonkeyPatch, ending: Exception | None
) -> None:
    released: list[str] = []

    def tried(
        plan: object, options: ValidationOptions, ctx: object, blank: Validation
    ) -> Validation:
        assert not released
        if ending:
            raise ending
        return blank

    monkeypatch.setattr(attempts, "require_objects", lambda *_: None)
    monkeypatch.setattr(attempts, "find_submodules", lambda *_: CandidateSubmodules(mirrors={}))
    monkeypatch.setattr(attempts, "first_verified", tried)
    plan = fake(selection=fake(build_command=lambda *_: ""), env=Recipe(repo="o/r").env[0])
    monkeypatch.setattr(attempts, "plan_validation", lambda *_: plan)
    backend = fake(release_instance=released.append)
    store = fake(unfinished=fake(begin=lambda name, inputs: None))
    ctx = fake(store=store, backend=backend, get_mirror=lambda _: None, python_versions=())
    with pytest.raises(SandboxError) if ending else nullcontext():
        attempts.validate_candidate(
            make_candidate(7), Recipe(repo="owner/name"), ValidationOptions(), ctx
        )
    assert released == [make_candidate(7).instance_id]


@pytest.mark.parametrize(
    ("reason", "is_blamed", "told"),
    [
        ("install-failed", True, "missing-submodule"),
        ("not-imported", True, "missing-submodule"),
        ("install-failed", False, "install-failed"),
        ("collection-error", True, "collection-error"),
    ],
)
def test_a_rejection_names_the_submodules_that_are_missing(
    monkeypatch: pytest.MonkeyPatch, reason: str, is_blamed: bool, told: str
) -> None:
    """One that the failure names is its reason; another one is told after the real cause."""
    sentence = "submodule vendor/x of https://github.com/o/x is not available"
    missing = CandidateSubmodules(mirrors={}, missing={"vendor/x": sentence})
    monkeypatch.setattr(attempts, "require_objects", lambda *_: None)
    monkeypatch.setattr(attempts, "find_submodules", lambda *_: missing)
    monkeypatch.setattr(attempts, "is_to_blame", lambda *_: is_blamed)
    record = make_validation(7, Rejection(stage="install", reason=reason, detail="the cause"))
    monkeypatch.setattr(attempts, "first_verified", lambda *_: record)
    plan = fake(selection=fake(build_command=lambda *_: ""), env=Recipe(repo="o/r").env[0])
    monkeypatch.setattr(attempts, "plan_validation", lambda *_: plan)
    ctx = fake(
        store=fake(
            unfinished=fake(begin=lambda name, inputs: None), blobs=fake(get=lambda key: b"")
        ),
        backend=fake(release_instance=lambda name: None),
        get_mirror=lambda _: None,
        python_versions=(),
    )
    recipe = Recipe(repo="owner/name")
    found = attempts.validate_candidate(make_candidate(7), recipe, ValidationOptions(), ctx)
    rejection = not_none(found.verdict.rejection)
    assert rejection.reason == told
    lines = [sentence, "the cause"] if told == "missing-submodule" else ["the cause", sentence]
    assert rejection.detail.splitlines() == lines


def test_what_a_failed_lock_printed_is_kept_whole_for_every_attempt(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    selection = fake(build_command=lambda *_: "")
    plan = ValidationPlan(
        candidate=UNUSED,
        recipe=fake(data_driven_tests=None),
        env=EnvRecipe(),
        selection=selection,
        variants=(),
    )
    ground = fake(manifest=fake(notes=()))
    failures = [replace(FAILURE, detail="end", log=f"the whole {name} log") for name in "ab"]
    tries = [
        Attempt(name=f"attempt {n}", plan=plan, variant=ground, lock=failure)
        for n, failure in enumerate(failures)
    ]
    monkeypatch.setattr(attempts, "iter_attempts", lambda *_: iter(tries))
    with Store(tmp_path) as store:
        ctx = make_context(store, UNUSED)
        record = attempts.first_verified(plan, ValidationOptions(), ctx, make_validation(runs=()))
        texts = [store.blobs.get(key).decode() for key in record.attempt_logs]
    assert texts == ["the whole a log", "the whole b log"]
    assert len(record.attempts) == len(record.attempt_logs)
