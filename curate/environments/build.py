"""The environment of one attempt: its lock, shared or resolved for it, and its image."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from curate.builders.git.checkout import has_all_files, submodule_commits
from curate.builders.git.run import run_git
from curate.builders.lock.build_failures import drop_unbuildable
from curate.builders.lock.resolve import compile_lock, compute_lock_key
from curate.builders.lock.tool_dates import describe_tool_cutoff
from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RequirementsLock
from curate.builders.requirements import Manifest
from curate.core.model import Environment
from curate.environments.context import ValidationContext
from curate.environments.install_check import find_install_correction
from curate.environments.plan import ValidationPlan
from curate.environments.recipe_values import list_protected_globs, resource_limits
from curate.environments.retry import retry_sandbox_errors
from curate.environments.submodules import find_submodules
from curate.environments.variants import RequirementsVariant
from curate.git.first_parents import find_commit_at
from curate.store import Store

ENVIRONMENT_FAILED = "environment-failed"
MAX_BUILD_FALLBACKS = 5  # builds of one environment; each drops a package that did not build

_Lock = TypeVar("_Lock", RequirementsLock | Failure, RequirementsLock | None)


def get_or_create_lock(
    plan: ValidationPlan,
    variant: RequirementsVariant,
    cutoff: datetime,
    ctx: ValidationContext,
) -> RequirementsLock | Failure:
    """Return the lock of *variant* as of *cutoff*: the stored one, or a new one, which is stored.

    It depends on nothing else, so a stored lock saves time and never changes a result.
    """
    name = plan.candidate.instance_id
    return lock_manifest(name, variant.manifest, variant.python, cutoff, ctx)


def lock_manifest(
    name: str, manifest: Manifest, python: str, cutoff: datetime, ctx: ValidationContext
) -> RequirementsLock | Failure:
    """Return the lock of *manifest* for the candidate *name*, as `get_or_create_lock` does."""
    key = compute_lock_key(manifest, python, cutoff)
    step = f"lock {key}"
    known = ctx.store.get_lock(key) or ctx.store.unfinished.get(Failure, name, step)
    if known:
        return known
    ctx.report_step(name, "resolving requirements")
    lock = compile_lock(manifest, python=python, cutoff=cutoff, settings=ctx.settings)
    if isinstance(lock, Failure):
        ctx.remember(name, step, lock)
    elif not ctx.abort_event.is_set():
        lock = ctx.store.save_lock(key, lock)
    return lock


def choose_lock(variant: RequirementsVariant, get_lock: Callable[[datetime], _Lock]) -> _Lock:
    """Return the lock of *variant* as of its shared cutoff, or as of its exact date.

    The exact date counts where the requirements cannot be met as of the shared one, e.g. because
    the commit that requires a release is some hours older than the release.
    """
    shared = get_lock(variant.cutoff)
    if variant.cutoff == variant.date or shared is None or _is_met(shared):
        return shared
    exact = get_lock(variant.date)
    return exact if _is_met(exact) else shared


def _is_met(lock: RequirementsLock | Failure | None) -> bool:
    return isinstance(lock, RequirementsLock) and not lock.newer


def find_lock(
    variant: RequirementsVariant, cutoff: datetime, store: Store
) -> RequirementsLock | None:
    """Return the stored lock of *variant* as of *cutoff*; None if there is none."""
    return store.get_lock(compute_lock_key(variant.manifest, variant.python, cutoff))


def build_with_fallbacks(
    plan: ValidationPlan,
    variant: RequirementsVariant,
    lock: RequirementsLock,
    ctx: ValidationContext,
) -> tuple[RequirementsLock, BuiltInstance | Failure]:
    """Build the environment, without optional packages that fail to build.

    If the installed project requires what the lock lacks, it is locked and built again with that.
    Returns the lock that was used and the result.
    """
    lock, built = _build_droppable(plan, variant, lock, ctx)
    if isinstance(built, Failure):
        return lock, built
    corrected = find_install_correction(plan, variant, lock, built, ctx)
    if corrected is None:
        return lock, built
    sentences = [it for it in corrected.notes if it not in variant.manifest.notes]
    variant = replace(variant, manifest=corrected)
    relocked = get_or_create_lock(plan, variant, lock.exclude_newer, ctx)
    if isinstance(relocked, Failure):
        return _add_sentences(lock, [f"{it}, which does not resolve" for it in sentences]), built
    relocked = _add_sentences(relocked, sentences)
    if relocked.packages == lock.packages:
        return relocked, built
    new_lock, rebuilt = _build_droppable(plan, variant, relocked, ctx)
    if isinstance(rebuilt, Failure):
        return _add_sentences(lock, [f"{it}, which does not build" for it in sentences]), built
    return new_lock, rebuilt


def _add_sentences(lock: RequirementsLock, sentences: Sequence[str]) -> RequirementsLock:
    return replace(lock, adjustments=(*lock.adjustments, *sentences))


def _build_droppable(
    plan: ValidationPlan,
    variant: RequirementsVariant,
    lock: RequirementsLock,
    ctx: ValidationContext,
) -> tuple[RequirementsLock, BuiltInstance | Failure]:
    """Build the environment; drop optional packages that fail to build."""
    adjustments: list[str] = []
    variant = replace(variant, manifest=variant.manifest.in_order())
    for _ in range(MAX_BUILD_FALLBACKS):
        ctx.report_step(plan.candidate.instance_id, "building environment")
        built = _build_or_recall(make_instance_spec(plan, variant, lock, ctx.get_mirror), ctx)
        if isinstance(built, BuiltInstance) or built.reason != ENVIRONMENT_FAILED:
            break
        adjustment = drop_unbuildable(built, variant.manifest, lock)
        if adjustment is None:
            break
        variant = replace(variant, manifest=adjustment.manifest)
        adjustments.append(adjustment.sentence)
        relocked = get_or_create_lock(plan, variant, lock.exclude_newer, ctx)
        if isinstance(relocked, Failure):
            break
        lock = _add_sentences(relocked, adjustments)
    return lock, built


def _build_or_recall(spec: InstanceSpec, ctx: ValidationContext) -> BuiltInstance | Failure:
    """Build *spec*; of an environment that is known to fail, return that failure instead.

    Other candidates with the same environment would only see it fail again.
    """
    names = ctx.backend.layer_names(spec)
    key = "" if isinstance(names, Failure) else f"{ctx.backend.name} {names['environment']}"
    known = ctx.store.get_failed_build(key)
    if known:
        return known
    built = retry_sandbox_errors(ctx, lambda: ctx.backend.build_instance(spec))
    if isinstance(built, BuiltInstance):
        # The same image, if it was built by an interrupted call, with the time that it took then.
        image = built.digest or built.handle
        return ctx.resume(spec.name, f"build {image}", BuiltInstance, lambda: built)
    if built.reason == ENVIRONMENT_FAILED and not ctx.abort_event.is_set():
        ctx.store.save_failed_build(key, built)
    return built


def _reuse_checkout_layer(spec: InstanceSpec) -> InstanceSpec:
    """Base *spec* on a checkout layer that candidates with its lock share, if its files allow it.

    The layer has the newest commit that is not newer than the lock, on the line of first parents.
    """
    older_commit = find_commit_at(spec.mirror, spec.base_commit, spec.lock.exclude_newer)
    if not older_commit or not _have_all_files(spec.mirror, older_commit, spec.base_commit):
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


def _have_all_files(mirror: Path, *commits: str) -> bool:
    return all(has_all_files(mirror, commit) for commit in dict.fromkeys(commits))


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
        projects=variant.sources.projects,
        import_name=plan.recipe.import_name,
        version=candidate.version,
        submodules=find_submodules(candidate, plan.recipe, mirror, get_mirror).mirrors,
        env_vars=plan.env.env_vars,
    )
    return _reuse_checkout_layer(spec)


def make_environment_record(
    plan: ValidationPlan, variant: RequirementsVariant, lock: RequirementsLock, built: BuiltInstance
) -> Environment:
    """Return the record of a built environment."""
    tools = describe_tool_cutoff(lock.python, lock.exclude_newer)
    seeds = [it for it in tools if it not in lock.adjustments]  # the lock may have none of them
    return Environment(
        key=built.environment_key,
        backend=built.backend,
        python=variant.python,
        requirements_from=variant.requirements_from,
        lock=lock.text,
        exclude_newer=lock.exclude_newer,
        date=variant.date,
        lock_adjustments=(*variant.manifest.notes, *lock.adjustments, *seeds, *built.build_notes),
        system_packages=plan.env.system_packages,
        handle=built.handle,
        digest=built.digest,
        dockerfiles=built.dockerfiles,
        build_files=built.build_files,
        layer_bytes=built.layer_bytes,
        lock_seconds=lock.seconds,
        build_seconds=built.seconds,
        environment_seconds=built.environment_seconds,
        env_vars=plan.env_vars,
        test_seconds=plan.env.limits.test_seconds,
        limits=resource_limits(plan.env),
        protected_paths=list_protected_globs(plan.recipe),
    )
