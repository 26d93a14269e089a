"""What benchmarks that build and run stored candidates share."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from builders.backends.protocol import Backend
from builders.model import Built, Failure, Lock
from builders.python.choose import available_pythons
from builders.settings import BuildSettings
from curate.core.model import Candidate, Environment, Validation
from curate.core.settings import Settings
from curate.environments.build import build
from curate.environments.context import Workshop
from curate.environments.plan import Plan, make_plan
from curate.store import Store
from recipes import Library


def workshop(
    store: Store, settings: Settings, building: BuildSettings, backend: Backend, jobs: int = 1
) -> Workshop:
    """A workshop that reports nothing and has *jobs* sandboxes at once."""
    return Workshop(
        store=store,
        backend=backend,
        settings=building,
        pythons=available_pythons(settings.interpreters),
        mirrors=lambda repo: settings.mirror_folder / f"{repo.replace('/', '__')}.git",
        stop=threading.Event(),
        report=lambda name, step: None,
        sandboxes=ThreadPoolExecutor(jobs),
    )


def rebuild(
    candidate: Candidate, made: Validation, shop: Workshop, mark: str = ""
) -> tuple[Plan, Built | Failure]:
    """The plan of *candidate*, and what its lock in *made* builds.

    A *mark* makes the lock's text new, so that no layer of before is taken for the environment.
    """
    assert made.environment is not None
    plan = make_plan(
        candidate, Library().get(candidate.repo), shop.mirrors(candidate.repo), shop.pythons
    )
    assert isinstance(plan, Plan)
    plan = replace(plan, as_in_ci=made.environment.variables != plan.variables)
    ground = next(each for each in plan.grounds if each.source == made.environment.declared_by)
    _, built = build(plan, ground, lock_of(made.environment, mark), shop)
    return plan, built


def lock_of(made: Environment, mark: str = "") -> Lock:
    """The lock that *made* was built from."""
    text = f"{made.lock}# {mark}\n" if mark else made.lock
    return Lock(text=text, python=made.python, cutoff=made.cutoff)
