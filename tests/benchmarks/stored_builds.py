"""What benchmarks that build and run stored candidates share."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from curate.builders.backends.protocol import Backend
from curate.builders.model import BuiltInstance, Failure, RequirementsLock
from curate.builders.python.choose import available_pythons
from curate.builders.settings import BuildSettings
from curate.core.model import Candidate, Environment, Validation
from curate.core.settings import Settings
from curate.environments.build import build_with_fallbacks
from curate.environments.context import ValidationContext
from curate.environments.plan import ValidationPlan, plan_validation
from curate.recipes import RecipeLibrary
from curate.store import Store


def make_validation_context(
    store: Store, settings: Settings, building: BuildSettings, backend: Backend, jobs: int = 1
) -> ValidationContext:
    """A context that reports nothing and has *jobs* sandboxes at once."""
    return ValidationContext(
        store=store,
        backend=backend,
        settings=building,
        python_versions=available_pythons(settings.python_install_dir),
        get_mirror=lambda repo: settings.effective_mirrors_dir / f"{repo.replace('/', '__')}.git",
        stop_event=threading.Event(),
        report_step=lambda name, step: None,
        run_executor=ThreadPoolExecutor(jobs),
    )


def rebuild_environment(
    candidate: Candidate, made: Validation, ctx: ValidationContext, salt: str = ""
) -> tuple[ValidationPlan, BuiltInstance | Failure]:
    """The plan of *candidate*, and what its lock in *made* builds.

    A *salt* makes the lock's text new, so that no layer of before is taken for the environment.
    """
    assert made.environment is not None
    plan = plan_validation(
        candidate,
        RecipeLibrary().get_recipe(candidate.repo),
        ctx.get_mirror(candidate.repo),
        ctx.python_versions,
    )
    assert isinstance(plan, ValidationPlan)
    plan = replace(plan, use_ci_env=made.environment.env_vars != plan.env_vars)
    variant = next(
        each
        for each in plan.variants
        if each.requirements_from == made.environment.requirements_from
    )
    _, built = build_with_fallbacks(plan, variant, lock_from_record(made.environment, salt), ctx)
    return plan, built


def lock_from_record(made: Environment, salt: str = "") -> RequirementsLock:
    """The lock that *made* was built from."""
    text = f"{made.lock}# {salt}\n" if salt else made.lock
    return RequirementsLock(text=text, python=made.python, exclude_newer=made.exclude_newer)
