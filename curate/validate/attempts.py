"""Validation of one candidate: plan, lock, build, run tests, compute the verdict."""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from curate import __version__
from curate.builders.git.checkout import require_objects
from curate.builders.model import Failure, RequirementsLock, RunStatus
from curate.core.model import Candidate, Rejection, Run, Validation, Verdict
from curate.environments.ask_backend import ask_backend
from curate.environments.build import (
    build_with_fallbacks,
    choose_lock,
    get_or_create_lock,
    make_environment_record,
)
from curate.environments.context import ValidationContext, ValidationOptions
from curate.environments.plan import ValidationPlan, current_architecture, plan_validation
from curate.environments.submodules import find_submodules, is_to_blame
from curate.environments.test_selection import CONTEXT_CASES
from curate.recipes import Recipe, RecipeError
from curate.validate.attempt import Attempt, measure_progress
from curate.validate.data_tests import run_data_tests
from curate.validate.remedied import iter_remedied
from curate.validate.repair import name_cause, omit_needless, read_log
from curate.validate.runs import (
    bound_time,
    measure_strength,
    passes_with_config_only,
)
from curate.validate.verdict import compute_verdict

log = logging.getLogger(__name__)

VALIDATION_VERSION = 6
"""Increment when runs or verdicts change, so that earlier validations count as outdated."""

# A run reached a limit: other environments would hardly help, and cost as much again.
LIMIT_REASONS = frozenset(
    str(it) for it in (RunStatus.TIMEOUT, RunStatus.OUT_OF_MEMORY, RunStatus.OUT_OF_PIDS)
)

CONFIG_ONLY_REJECTION = Rejection(
    stage="validate",
    reason="config-only-fix",
    detail="every FAIL_TO_PASS test passes with only the non-source files of the gold patch",
)


def compute_inputs_hash(candidate: Candidate, recipe: Recipe, options: ValidationOptions) -> str:
    """Return the SHA-256 of a validation's inputs.

    These are the candidate, the recipe range of its version, the options and
    `VALIDATION_VERSION`; also the machine's architecture if the range is limited to some.
    """
    patch_hashes = (_hash_patch(candidate.patch), _hash_patch(candidate.test_patch))
    return hash_inputs(
        candidate, patch_hashes, list_shared_inputs(candidate.version, recipe, options)
    )


def list_shared_inputs(
    version: str, recipe: Recipe, options: ValidationOptions
) -> tuple[object, ...]:
    """Return the inputs that candidates of one repository and *version* have in common."""
    machine: tuple[str, ...] = ()
    try:
        env = recipe.environment_for(version)
        range_hash = recipe.compute_hash(env)
        machine = (current_architecture(),) if env.architectures else ()
    except RecipeError as error:
        range_hash = str(error)
    contexts = (CONTEXT_CASES,) if recipe.data_driven_tests else ()
    return (range_hash, asdict(options), VALIDATION_VERSION, *contexts, *machine)


def hash_inputs(
    candidate: Candidate, patch_hashes: tuple[str, str], shared: tuple[object, ...]
) -> str:
    """Return `compute_inputs_hash` of a candidate that may be without its patches.

    *patch_hashes* are the SHA-256 of patch and test patch, *shared* is of `list_shared_inputs`.
    """
    created_at = candidate.created_at.isoformat()
    key_parts = (candidate.base_commit, created_at, *patch_hashes, *shared)
    return hashlib.sha256(json.dumps(key_parts, sort_keys=True).encode()).hexdigest()


def _hash_patch(patch: bytes) -> str:
    return hashlib.sha256(patch).hexdigest()


def validate_candidate(
    candidate: Candidate, recipe: Recipe, options: ValidationOptions, ctx: ValidationContext
) -> Validation:
    """Validate *candidate* and return the record; raises BuilderError if infrastructure fails."""
    started, started_monotonic = datetime.now(UTC), time.monotonic()
    empty_record = Validation(
        instance_id=candidate.instance_id,
        inputs_hash=compute_inputs_hash(candidate, recipe, options),
        curate_version=__version__,
        recipe_hash="",
        started_at=started,
        finished_at=started,
        test_command="",
        environment=None,
        runs=(),
        verdict=_rejected("validate", "not-run"),
    )
    mirror = ctx.get_mirror(candidate.repo)
    plan = plan_validation(
        candidate, recipe, mirror, ctx.python_versions, partial(ask_backend, ctx)
    )
    if isinstance(plan, Rejection):
        record = replace(empty_record, verdict=_rejected(plan.stage, plan.reason, plan.detail))
    else:
        command = plan.selection.build_command(plan.env, recipe.data_driven_tests)
        empty_record = replace(
            empty_record, recipe_hash=recipe.compute_hash(plan.env), test_command=command
        )
        submodules = find_submodules(candidate, recipe, mirror, ctx.get_mirror)
        require_objects(mirror, candidate.base_commit, submodules.mirrors)
        ctx.store.unfinished.begin(candidate.instance_id, empty_record.inputs_hash)
        try:
            record = first_verified(plan, options, ctx, empty_record)
            record = _name_missing_submodules(record, submodules.missing, candidate, ctx)
        finally:
            ctx.backend.release_instance(candidate.instance_id)
    # The system clock may be set back meanwhile.
    elapsed = timedelta(seconds=time.monotonic() - started_monotonic)
    return replace(record, finished_at=started + elapsed)


def first_verified(
    plan: ValidationPlan,
    options: ValidationOptions,
    ctx: ValidationContext,
    empty_record: Validation,
) -> Validation:
    """Return the first attempt that verifies the candidate, else the first that came farthest.

    The results of all attempts are in `attempts` of the record.
    """
    records: list[Validation] = []
    attempt_summaries: list[str] = []
    attempt_logs: list[str] = []

    def run(attempt: Attempt) -> Validation:
        finish = partial(run_attempt, attempt, options, ctx, empty_record)
        record = ctx.resume(empty_record.instance_id, attempt.step, Validation, finish)
        rejection = record.verdict.rejection
        result = f"{rejection.stage}/{rejection.reason}" if rejection else "verified"
        log.debug("%s: attempt with %s: %s", empty_record.instance_id, attempt.name, result)
        attempt_summaries.append(f"{attempt.name}: {result}")
        attempt_logs.append(record.attempt_logs[0] if record.attempt_logs else "")
        return record

    for attempt in iter_attempts(plan, ctx, records):
        if attempt.plan.use_ci_env and not any(record.runs for record in records):
            break  # without any run, other environment variables make no difference
        record = run(attempt)
        records.append(record)
        rejection = record.verdict.rejection
        if rejection is None or rejection.reason in LIMIT_REASONS:
            smaller = omit_needless(attempt, record, ctx)
            if smaller:
                records.insert(0, run(smaller))
            break
    return replace(
        max(records, key=measure_progress),
        started_at=empty_record.started_at,
        attempts=tuple(attempt_summaries),
        attempt_logs=tuple(attempt_logs),
    )


def iter_attempts(
    plan: ValidationPlan, ctx: ValidationContext, records: Sequence[Validation]
) -> Iterator[Attempt]:
    """Yield the attempts in order; locks are resolved lazily.

    First the locks shared by all candidates of a period with the same requirements, base before
    gold (`choose_lock`); then what these runs, whose *records* there are by then, call for: repairs
    of what is missing, other interpreters. Then the best requirements so far with the candidate's
    exact date as cutoff; then the best lock again with the environment variables of the project's
    CI. Locks with the same packages, for the same projects, are tried only once.
    """
    seen: list[tuple[tuple[str, ...], tuple[str, ...]]] = []  # packages, projects
    declared: list[Attempt] = []
    for variant in plan.variants:
        lock = choose_lock(variant, partial(get_or_create_lock, plan, variant, ctx=ctx))
        packages = lock.packages if isinstance(lock, RequirementsLock) else ()
        environment = packages, variant.sources.projects
        if not packages or environment not in seen:
            seen.append(environment)
            name = f"{variant.requirements_from} requirements{variant.label}"
            declared.append(Attempt(name=name, plan=plan, variant=variant, lock=lock))
            yield declared[-1]
    best = yield from iter_remedied(declared, ctx, records)
    if isinstance(best.lock, Failure):
        return
    variant = best.variant
    if best.lock.exclude_newer != variant.date:
        lock = get_or_create_lock(best.plan, variant, variant.date, ctx)
        projects = variant.sources.projects
        if isinstance(lock, RequirementsLock) and (lock.packages, projects) not in seen:
            yield replace(best, name=f"{best.name}, strict cutoff", lock=lock, repaired=None)
    if plan.env.ci_env_vars:
        ci_plan = replace(best.plan, use_ci_env=True)
        yield replace(best, name=f"{best.name}, CI variables", plan=ci_plan, repaired=None)


def run_attempt(
    attempt: Attempt,
    options: ValidationOptions,
    ctx: ValidationContext,
    empty_record: Validation,
) -> Validation:
    """Build the environment of *attempt*, run the tests, compute the verdict."""
    plan, variant, lock = attempt.plan, attempt.variant, attempt.lock
    command = plan.selection.build_command(plan.env, plan.recipe.data_driven_tests)
    empty_record = replace(empty_record, test_command=command)
    if isinstance(lock, Failure):
        return _failed_attempt(empty_record, lock, ctx)
    lock, built = build_with_fallbacks(plan, variant, lock, ctx)
    if isinstance(built, Failure):
        return _failed_attempt(empty_record, built, ctx)
    found = run_data_tests(plan, built, ctx, count=options.runs)
    if isinstance(found, Rejection):
        verdict = _rejected(found.stage, found.reason, found.detail)
        environment = make_environment_record(plan, variant, lock, built)
        return replace(empty_record, environment=environment, verdict=verdict)
    plan, runs = found
    plan = bound_time(plan, next(run for run in runs if run.side == "after"))
    record = replace(
        empty_record,
        test_command=plan.selection.build_command(plan.env, plan.recipe.data_driven_tests),
        environment=make_environment_record(plan, variant, lock, built),
        runs=tuple(runs),
        verdict=compute_verdict(*_split_by_side(runs)),
    )
    if not record.is_verified:
        return name_cause(record, ctx)
    tests = record.verdict.fail_to_pass
    config_only, cpu_seconds = passes_with_config_only(plan, built, ctx, tests)
    if config_only:
        verdict = replace(record.verdict, rejection=CONFIG_ONLY_REJECTION)
        return replace(record, verdict=verdict, strength_seconds=cpu_seconds)
    if not options.measure_strength:
        return replace(record, strength_seconds=cpu_seconds)
    strength, seconds = measure_strength(plan, built, ctx, tests)
    return replace(record, test_strength=strength, strength_seconds=cpu_seconds + seconds)


def _failed_attempt(
    empty_record: Validation, failure: Failure, ctx: ValidationContext
) -> Validation:
    """Return the record of an attempt without an environment, with the log that says why."""
    text = failure.log or failure.detail
    key = ctx.store.blobs.put(text.encode("utf-8", "replace")) if text else ""
    verdict = _rejected(failure.stage, failure.reason, failure.detail)
    return replace(empty_record, verdict=verdict, attempt_logs=(key,))


def _name_missing_submodules(
    record: Validation, missing: Mapping[str, str], candidate: Candidate, ctx: ValidationContext
) -> Validation:
    """Return *record* with its missing submodules; the reason is one that a failed install names.

    *missing* is path -> sentence. Those that have nothing to do with the failure are told last.
    """
    rejection = record.verdict.rejection
    if rejection is None or not missing:
        return record
    blamed: list[str] = []
    if rejection.reason in ("install-failed", "not-imported"):
        mirror, log = ctx.get_mirror(candidate.repo), f"{rejection.detail}\n{read_log(record, ctx)}"
        blamed = [it for it in missing if is_to_blame(it, log, mirror, candidate.base_commit)]
    reason = "missing-submodule" if blamed else rejection.reason
    notes = "; ".join(text for path, text in missing.items() if path not in blamed)
    causes = "; ".join(missing[path] for path in blamed)
    detail = "\n".join(filter(None, (causes, rejection.detail, notes)))
    named = replace(rejection, reason=reason, detail=detail)
    return replace(record, verdict=replace(record.verdict, rejection=named))


def _split_by_side(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    before = [run for run in runs if run.side == "before"]
    return before, [run for run in runs if run.side == "after"]


def _rejected(stage: str, reason: str, detail: str = "") -> Verdict:
    rejection = Rejection(stage=stage, reason=reason, detail=detail)
    return Verdict(fail_to_pass=(), pass_to_pass=(), rejection=rejection)
