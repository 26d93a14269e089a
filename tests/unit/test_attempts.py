"""Which locks a trial tries, and that none is made twice."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from builders.errors import SandboxError
from builders.model import Failure, Lock
from curate import trial
from curate.planning import Ground
from curate.workshop import Options
from recipes import Recipe
from tests.unit.test_store import candidate

DATE = datetime(2023, 1, 1, tzinfo=UTC)
FAILURE = Failure(stage="lock", reason="unsatisfiable")


def lock(name: str, cutoff: datetime = DATE) -> Lock:
    return Lock(text=f"{name}==1\n", python="3.8", cutoff=cutoff)


@pytest.fixture
def attempts(monkeypatch):
    """Names of the attempts for the shared locks of grounds; counts the exact locks made."""

    def run(exact, **shared):
        made = []
        monkeypatch.setattr(trial, "shared_lock", lambda plan, ground, shop: shared[ground.source])
        monkeypatch.setattr(trial, "exact_lock", lambda *_: made.append(1) or exact)
        grounds = [Ground(source=it, manifest=None, python="3.8", date=DATE) for it in shared]
        plan = SimpleNamespace(grounds=tuple(grounds))
        return [name for name, *_ in trial._attempts(plan, None)], len(made)

    return run


def test_a_lock_of_the_very_date_is_not_made_again(attempts):
    assert attempts(lock("a"), base=lock("a")) == (["requirements of base"], 0)
    assert attempts(FAILURE, base=FAILURE) == (["requirements of base"], 0)


def test_an_older_lock_is_followed_by_one_of_the_date_where_that_differs(attempts):
    old = lock("a", DATE - timedelta(days=9))
    assert attempts(lock("a"), base=old) == (["requirements of base"], 1)
    names, _ = attempts(lock("b"), base=old)
    assert names == ["requirements of base", "requirements of base, date-exact"]


def test_golds_requirements_are_tried_where_they_give_other_packages(attempts):
    names, _ = attempts(lock("a"), base=lock("a"), gold=lock("b"))
    assert names == ["requirements of base", "requirements of gold"]
    names, _ = attempts(lock("a"), base=lock("a"), gold=lock("a"))
    assert names == ["requirements of base"]


@pytest.mark.parametrize("ending", [None, SandboxError("gone")])
def test_what_was_built_for_a_trial_may_go_when_it_ends(monkeypatch, ending):
    released = []

    def tried(plan, options, shop, blank):
        assert not released
        if ending:
            raise ending
        return blank

    monkeypatch.setattr(trial, "_tried", tried)
    plan = SimpleNamespace(
        selection=SimpleNamespace(command=lambda *_: ""), env=Recipe(repo="o/r").env[0]
    )
    monkeypatch.setattr(trial, "make_plan", lambda *_: plan)
    backend = SimpleNamespace(release=released.append)
    shop = SimpleNamespace(backend=backend, mirrors=lambda _: None, pythons=())
    with pytest.raises(SandboxError) if ending else nullcontext():
        trial.hold(candidate(7), Recipe(repo="owner/name"), Options(), shop)
    assert released == [candidate(7).instance_id]
