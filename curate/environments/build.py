"""The environment of one attempt: its lock, shared or resolved for it, and its image."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import tenacity

from curate.builders.errors import SandboxError
from curate.builders.git.checkout import has_all_files, submodule_commits
from curate.builders.git.run import run_git
from curate.builders.lock.build_failures import drop_unbuildable
from curate.builders.lock.resolve import compile_lock, compute_lock_key
from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RequirementsLock
from curate.core.model import Environment
from curate.environments.context import ValidationContext
from curate.environments.plan import RequirementsVariant, ValidationPlan
from curate.store import Store

log = logging.getLogger(__name__)

MAX_BUILD_ATTEMPTS = 3
BUILD_RETRY_SECONDS = 2.0  # wait before the second attempt; doubles with each further one
MAX_BUILD_FALLBACKS = 5  # builds of one environment; each drops a package that did not build


def get_or_create_lock(
    plan: ValidationPlan, variant: RequirementsVariant, ctx: ValidationContext
) -> RequirementsLock | Failure:
    """Return the stored lock of the same manifest, or resolve and store a new one.

    A stored lock with a cutoff later than the date of *variant* is not used.
    """
    stored = find_lock(variant, ctx.store)
    if stored:
        return stored
    lock = resolve_lock(plan, variant, ctx)
    if isinstance(lock, RequirementsLock):
        ctx.store.save_lock(compute_lock_key(variant.manifest, variant.python), lock)
    return lock


def find_lock(variant: RequirementsVariant, store: Store) -> RequirementsLock | None:
    """Return the stored lock for *variant*; None if there is none or its cutoff is too late."""
    stored = store.get_lock(compute_lock_key(variant.manifest, variant.python))
    return stored if stored and stored.exclude_newer <= variant.date else None


def resolve_lock(
    plan: ValidationPlan, variant: RequirementsVariant, ctx: ValidationContext
) -> RequirementsLock | Failure:
    """Resolve a new lock with the date of *variant* as cutoff."""
    ctx.report_step(plan.candidate.instance_id, "resolving requirements")
    lock = compile_lock(
        variant.manifest, python=variant.python, cutoff=variant.date, settings=ctx.settings
    )
    if isinstance(lock, RequirementsLock):
        return replace(lock, commit=plan.candidate.base_commit)
    return lock


def build_with_fallbacks(
    plan: ValidationPlan,
    variant: RequirementsVariant,
    lock: RequirementsLock,
    ctx: ValidationContext,
) -> tuple[RequirementsLock, BuiltInstance | Failure]:
    """Build the environment, without optional packages that fail to build.

    Returns the lock that was used, which is stored for other candidates, and the result.
    """
    key = compute_lock_key(variant.manifest, variant.python)
    adjustments: list[str] = []
    for _ in range(MAX_BUILD_FALLBACKS):
        ctx.report_step(plan.candidate.instance_id, "building environment")
        built = _build_with_retries(make_instance_spec(plan, variant, lock, ctx.get_mirror), ctx)
        if isinstance(built, BuiltInstance):
            if adjustments:
                ctx.store.save_lock(key, lock)
            break
        adjustment = drop_unbuildable(built, variant.manifest, lock)
        if adjustment is None or built.reason != "environment-failed":
            break
        variant = replace(variant, manifest=adjustment.manifest)
        adjustments.append(adjustment.sentence)
        ctx.report_step(plan.candidate.instance_id, "resolving requirements")
        relocked = compile_lock(
            variant.manifest,
            python=variant.python,
            cutoff=lock.exclude_newer,
            settings=ctx.settings,
        )
        if isinstance(relocked, Failure):
            break
        lock = replace(
            relocked, adjustments=(*relocked.adjustments, *adjustments), commit=lock.commit
        )
    return lock, built


def _build_with_retries(spec: InstanceSpec, ctx: ValidationContext) -> BuiltInstance | Failure:
    """Build *spec*; retry a few times if the engine or the network fails."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(SandboxError),
        stop=tenacity.stop_any(
            tenacity.stop_after_attempt(MAX_BUILD_ATTEMPTS),
            tenacity.stop_when_event_set(ctx.stop_event),
        ),
        wait=tenacity.wait_exponential(multiplier=BUILD_RETRY_SECONDS),
        sleep=tenacity.sleep_using_event(ctx.stop_event),
        before_sleep=tenacity.before_sleep_log(log, logging.DEBUG),
        reraise=True,
    )
    return retrying(ctx.backend.build_instance, spec)


def _reuse_checkout_layer(spec: InstanceSpec, older_commit: str) -> InstanceSpec:
    """Base *spec* on the checkout layer of *older_commit* if its files and submodules allow it."""
    if not older_commit or not _is_ancestor_with_files(spec.mirror, older_commit, spec.base_commit):
        return spec
    before, after = (
        submodule_commits(spec.mirror, commit, spec.submodules)
        for commit in (older_commit, spec.base_commit)
    )
    if before.keys() != after.keys():
        return spec
    moved = {
        path: (before[path], commit) for path, commit in after.items() if commit != before[path]
    }
    if not all(
        _is_ancestor_with_files(spec.submodules[path], *pair) for path, pair in moved.items()
    ):
        return spec
    return replace(spec, checkout_layer_commit=older_commit, moved_submodules=moved)


def _is_ancestor_with_files(mirror: Path, older_commit: str, commit: str) -> bool:
    """Whether *older_commit* is *commit* or an ancestor, and *mirror* has all files of both."""
    if not has_all_files(mirror, commit):
        return False
    result = run_git(mirror, "merge-base", "--is-ancestor", older_commit, commit)
    return result.returncode == 0 and has_all_files(mirror, older_commit)


def make_instance_spec(
    plan: ValidationPlan,
    variant: RequirementsVariant,
    lock: RequirementsLock,
    get_mirror: Callable[[str], Path],
) -> InstanceSpec:
    """Return the build input for a backend; *get_mirror* returns a repository's bare mirror."""
    candidate = plan.candidate
    mirror = get_mirror(candidate.repo)
    spec = InstanceSpec(
        name=candidate.instance_id,
        repo=candidate.repo,
        mirror=mirror,
        base_commit=candidate.base_commit,
        date=variant.date,
        python=variant.python,
        lock=lock,
        system_packages=plan.env.system_packages,
        install=plan.env.install,
        import_name=plan.recipe.import_name,
        version=candidate.version,
        submodules={path: get_mirror(r) for path, r in plan.recipe.submodules.items()},
        env_vars=plan.env.env_vars,
    )
    return _reuse_checkout_layer(spec, lock.commit)


def make_environment_record(
    plan: ValidationPlan, variant: RequirementsVariant, lock: RequirementsLock, built: BuiltInstance
) -> Environment:
    """Return the record of a built environment."""
    return Environment(
        key=built.environment_key,
        backend=built.backend,
        python=variant.python,
        requirements_from=variant.requirements_from,
        lock=lock.text,
        exclude_newer=lock.exclude_newer,
        lock_adjustments=lock.adjustments,
        system_packages=plan.env.system_packages,
        handle=built.handle,
        digest=built.digest,
        dockerfiles=built.dockerfiles,
        layer_bytes=built.layer_bytes,
        lock_seconds=lock.seconds,
        build_seconds=built.seconds,
        environment_seconds=built.environment_seconds,
        env_vars=plan.env_vars,
        test_seconds=plan.env.limits.test_seconds,
    )
