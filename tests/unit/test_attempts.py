"""Which locks a trial tries, and that none is made twice."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from builders.errors import SandboxError
from builders.model import Failure, RequirementsLock
from curate.core.model import Rejection, Verdict
from curate.environments.context import ValidationOptions
from curate.environments.plan import RequirementsVariant, ValidationPlan
from curate.validate import attempts
from recipes import Recipe
from recipes.schema import EnvRecipe
from tests.helpers.factories import make_candidate, make_validation

DATE = datetime(2023, 1, 1, tzinfo=UTC)
FAILURE = Failure(stage="lock", reason="unsatisfiable")


def lock(name: str, cutoff: datetime = DATE) -> RequirementsLock:
    return RequirementsLock(text=f"{name}==1\n", python="3.8", exclude_newer=cutoff)


@pytest.fixture
def attempt_names(monkeypatch):
    """Names of the attempts for the shared locks of grounds; counts the exact locks made."""

    def run(exact, ci=None, **shared):
        made = []
        monkeypatch.setattr(
            attempts,
            "get_or_create_lock",
            lambda plan, ground, ctx: shared[ground.requirements_from],
        )
        monkeypatch.setattr(attempts, "resolve_lock", lambda *_: made.append(1) or exact)
        grounds = [
            RequirementsVariant(requirements_from=it, manifest=None, python="3.8", date=DATE)
            for it in shared
        ]
        env = EnvRecipe(ci_env_vars=ci or {}, env_vars={"A": "1", "B": "2"})
        plan = ValidationPlan(
            candidate=None, recipe=None, env=env, selection=None, variants=tuple(grounds)
        )
        return [name for name, *_ in attempts.iter_attempts(plan, None)], len(made)

    return run


def test_a_lock_of_the_very_date_is_not_made_again(attempt_names):
    assert attempt_names(lock("a"), base=lock("a")) == (["base requirements"], 0)
    assert attempt_names(FAILURE, base=FAILURE) == (["base requirements"], 0)


def test_an_older_lock_is_followed_by_one_of_the_date_where_that_differs(attempt_names):
    old = lock("a", DATE - timedelta(days=9))
    assert attempt_names(lock("a"), base=old) == (["base requirements"], 1)
    names, _ = attempt_names(lock("b"), base=old)
    assert names == ["base requirements", "base requirements, strict cutoff"]


def test_golds_requirements_are_tried_where_they_give_other_packages(attempt_names):
    names, _ = attempt_names(lock("a"), base=lock("a"), gold=lock("b"))
    assert names == ["base requirements", "gold requirements"]
    names, _ = attempt_names(lock("a"), base=lock("a"), gold=lock("a"))
    assert names == ["base requirements"]


def test_variables_of_the_projects_ci_come_last_and_with_the_first_lock(attempt_names):
    old, ci = lock("a", DATE - timedelta(days=9)), {"B": "3"}
    names, _ = attempt_names(lock("b"), ci, base=old)
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
def test_ci_is_tried_where_runs_showed_nothing_and_only_there(monkeypatch, first, second, told):
    plan = ValidationPlan(
        candidate=None,
        recipe=None,
        env=EnvRecipe(ci_env_vars={"B": "3"}, env_vars={"A": "1", "B": "2"}),
        selection=None,
        variants=(),
    )
    tries = [("a", plan, None, None), ("b", replace(plan, use_ci_env=True), None, None)]

    def attempted(tried, ground, lock, options, ctx, blank):
        why = second if tried.use_ci_env else first
        verdict = Verdict(fail_to_pass=("t",) * (not why), pass_to_pass=(), rejection=why)
        seen.append(dict(tried.env_vars))
        return replace(blank, verdict=verdict, runs=() if why is BROKEN else blank.runs)

    seen = []
    monkeypatch.setattr(attempts, "iter_attempts", lambda *_: iter(tries))
    monkeypatch.setattr(attempts, "run_attempt", attempted)
    record = attempts.first_verified(plan, ValidationOptions(), None, make_validation())
    assert record.attempts == tuple(told)
    assert record.is_verified == told[-1].endswith("verified")
    assert seen == [{"A": "1", "B": "2"}, {"A": "1", "B": "3"}][: len(told)]


@pytest.mark.parametrize("ending", [None, SandboxError("gone")])
def test_what_was_built_for_a_trial_may_go_when_it_ends(monkeypatch, ending):
    released = []

    def tried(plan, options, ctx, blank):
        assert not released
        if ending:
            raise ending
        return blank

    monkeypatch.setattr(attempts, "first_verified", tried)
    plan = SimpleNamespace(
        selection=SimpleNamespace(build_command=lambda *_: ""), env=Recipe(repo="o/r").env[0]
    )
    monkeypatch.setattr(attempts, "plan_validation", lambda *_: plan)
    backend = SimpleNamespace(release_instance=released.append)
    ctx = SimpleNamespace(backend=backend, get_mirror=lambda _: None, python_versions=())
    with pytest.raises(SandboxError) if ending else nullcontext():
        attempts.validate_candidate(
            make_candidate(7), Recipe(repo="owner/name"), ValidationOptions(), ctx
        )
    assert released == [make_candidate(7).instance_id]
