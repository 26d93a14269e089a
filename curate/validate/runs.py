"""Test runs of a built instance: before and after the gold patch, and for hunk ablation."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import replace
from functools import partial
from typing import TypeVar

from curate.builders.backends.run_retries import run_with_retries
from curate.builders.model import BuiltInstance, Outcome, RunResult, RunSpec, RunStatus
from curate.builders.process.digest import content_hash
from curate.core.model import Run, TestStrength
from curate.environments.context import ValidationCancelledError, ValidationContext
from curate.environments.plan import ValidationPlan
from curate.environments.recipe_values import make_classifier, resource_limits
from curate.patches.ablation import HunkAblation, config_only_patch, hunk_ablations
from curate.validate.verdict import RUN_NAMES, cannot_verify, rejects_alone

log = logging.getLogger(__name__)

# Time limits of all runs after the first one, in proportion to what that took.
TEST_TIME_FACTOR, MIN_TEST_SECONDS = 5, 20.0
RUN_TIME_FACTOR, MIN_RUN_SECONDS = 3, 120.0

T = TypeVar("T")


def run_before_and_after(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext, *, count: int
) -> Sequence[Run]:
    """Run the tests *count* times before and *count* times after the gold patch.

    The first post-patch run comes first and bounds the time of all others; if it rejects the
    candidate, or the first pair shows that more runs cannot verify it, there are no more. Then
    the two runs of a pair are parallel if a job slot is free. A run before the gold patch that
    reached its time limit is not repeated. Raises ValidationCancelledError if the user asked to
    stop, BuilderError if the sandbox keeps failing.
    """
    run = partial(_run_side, built=built, ctx=ctx, count=count)
    (after,) = _run_in_parallel(ctx, [partial(run, plan, side="after", index=0)])
    if rejects_alone(after):
        return [after]
    plan = bound_time(plan, after)
    (before,) = _run_in_parallel(ctx, [partial(run, plan, side="before", index=0)])
    runs = [before, after]
    if cannot_verify(before, after):
        return runs
    sides = ["after"] if before.status == RunStatus.TIMEOUT else ["after", "before"]
    for index in range(1, count):
        pair = [partial(run, plan, side=side, index=index) for side in sides]
        runs += reversed(_run_in_parallel(ctx, pair))
    return runs


def bound_time(plan: ValidationPlan, after: Run) -> ValidationPlan:
    """Return *plan* with time limits in proportion to what the post-patch run *after* took.

    So tests that hang without the gold patch, or a hunk of it, cost much less than the limit of
    the recipe, which tests that pass may use.
    """
    limits = plan.env.limits
    # The limit of a test also holds for imports, which took no longer than the run.
    slowest = max(TEST_TIME_FACTOR * after.slowest_test_seconds, after.seconds)
    test_seconds = max(MIN_TEST_SECONDS, slowest)
    seconds = max(MIN_RUN_SECONDS, RUN_TIME_FACTOR * after.seconds)
    bounded = limits.model_copy(
        update={
            "test_seconds": min(limits.test_seconds, test_seconds),
            "seconds": min(limits.seconds, seconds),
        }
    )
    return replace(plan, env=plan.env.model_copy(update={"limits": bounded}))


def measure_strength(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext, fail_to_pass: Sequence[str]
) -> tuple[TestStrength, float]:
    """Measure on which hunks of the gold patch the tests depend; also return CPU-seconds spent.

    A gold patch with a single hunk needs no run: the pre-patch runs are the run without it.
    """
    ablations = hunk_ablations(plan.candidate.patch, make_classifier(plan.recipe).is_source)
    if len(ablations) == 1:
        return TestStrength(hunks=(ablations[0].name,), untested=()), 0.0
    tested, untested, seconds = [], [], 0.0

    def run_without(number: int, ablation: HunkAblation) -> RunResult:
        ctx.report_step(plan.candidate.instance_id, f"hunk ablation {number}/{len(ablations)}")
        patches = (plan.candidate.test_patch, ablation.patch_without)
        return _run_without_source(plan, built, ctx, patches)

    results = _run_in_parallel(
        ctx, [partial(run_without, *each) for each in enumerate(ablations, 1)]
    )
    for ablation, result in zip(ablations, results, strict=True):
        seconds += result.cpu_seconds
        if result.status is RunStatus.PATCH_FAILED:
            continue
        tested.append(ablation.name)
        if _passes_all(result, fail_to_pass):
            untested.append(ablation.name)
    return TestStrength(hunks=tuple(tested), untested=tuple(untested)), seconds


def passes_with_config_only(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext, fail_to_pass: Sequence[str]
) -> tuple[bool, float]:
    """Whether FAIL_TO_PASS passes with the gold patch's non-source files; also CPU-seconds."""
    config_patch = config_only_patch(plan.candidate.patch, make_classifier(plan.recipe).is_source)
    if not config_patch:
        return False, 0.0
    ctx.report_step(plan.candidate.instance_id, "config-only patch")
    patches = (plan.candidate.test_patch, config_patch)
    run = partial(_run_without_source, plan, built, ctx, patches)
    (result,) = _run_in_parallel(ctx, [run])
    return _passes_all(result, fail_to_pass), result.cpu_seconds


def _run_without_source(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext, patches: tuple[bytes, ...]
) -> RunResult:
    """Run the tests with *patches*, which lack a part of the gold patch; without the output."""
    spec = replace(_make_run_spec(plan, patches, index=0), stop_at_timeout=True)
    return ctx.resume(
        plan.candidate.instance_id,
        _name_step("partial patch", built, spec),
        RunResult,
        lambda: replace(run_until_complete(ctx, built, spec), output=b""),
    )


def _name_step(what: str, built: BuiltInstance, spec: RunSpec) -> str:
    """Return a name of the run *what* that differs for each image and specification."""
    return f"{what} {content_hash(built.digest or built.handle, repr(spec))}"


def _run_in_parallel(ctx: ValidationContext, runs: Sequence[Callable[[], T]]) -> list[T]:
    """Return the results of *runs*, in order; all have ended when this returns or raises."""
    futures = [ctx.run_executor.submit(run) for run in runs]
    wait(futures)
    return [future.result() for future in futures]


def _passes_all(result: RunResult, fail_to_pass: Sequence[str]) -> bool:
    return all(result.outcomes.get(node_id) is Outcome.PASSED for node_id in fail_to_pass)


def _run_side(
    plan: ValidationPlan,
    *,
    built: BuiltInstance,
    ctx: ValidationContext,
    side: str,
    index: int,
    count: int,
) -> Run:
    candidate = plan.candidate
    patches = (
        (candidate.test_patch, candidate.patch) if side == "after" else (candidate.test_patch,)
    )
    reverse_files = side == "after" and index % 2 == 1
    spec = _make_run_spec(plan, patches, index, reverse_files=reverse_files)

    def run() -> Run:
        ctx.report_step(candidate.instance_id, f"{RUN_NAMES[side]} {index + 1}/{count}")
        result = run_until_complete(ctx, built, spec)
        log.debug(
            "%s: %s %s ended after %.1f s: %s",
            *(candidate.instance_id, RUN_NAMES[side], index + 1, result.seconds),
            result.detail or result.status.value,
        )
        return _make_run(result, side, index, ctx.store.blobs.put(result.output))

    step = _name_step(f"{RUN_NAMES[side]} {index + 1}", built, spec)
    return ctx.resume(candidate.instance_id, step, Run, run)


def _make_run(result: RunResult, side: str, index: int, log_key: str) -> Run:
    return Run(
        side=side,
        index=index,
        status=result.status,
        outcomes=result.outcomes,
        seconds=result.seconds,
        cpu_seconds=result.cpu_seconds,
        log=log_key,
        detail=result.detail,
        slowest_test_seconds=result.slowest_test_seconds,
    )


def _make_run_spec(
    plan: ValidationPlan, patches: tuple[bytes, ...], index: int, *, reverse_files: bool = False
) -> RunSpec:
    """Specify one run of the changed tests; *index* is the hash seed.

    *reverse_files* reverses the order of test files. Only post-patch runs use it: before the gold
    patch, a failing test may make later ones fail, which would pass in another order and then
    count as flaky although the gold patch fixes them.
    """
    return RunSpec(
        command=plan.selection.build_command(
            plan.env, plan.recipe.data_driven_tests, reverse_files=reverse_files
        ),
        patches=patches,
        env_vars={**plan.env_vars, "PYTHONHASHSEED": str(index)},
        limits=resource_limits(plan.env),
    )


def run_until_complete(ctx: ValidationContext, built: BuiltInstance, spec: RunSpec) -> RunResult:
    """Run the tests as `run_with_retries` does; ValidationCancelledError if the user stops it."""

    def check_cancelled() -> None:
        if ctx.stop_event.is_set():
            raise ValidationCancelledError

    return run_with_retries(ctx.backend, built, spec, check_cancelled)
