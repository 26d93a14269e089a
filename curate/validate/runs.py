"""Runs of a built instance: before and after the gold patch, and with pieces of it left out."""

from collections.abc import Callable, Sequence
from concurrent.futures import wait
from functools import partial
from typing import TypeVar

from builders.errors import BuilderError, SandboxError
from builders.model import BuiltInstance, Outcome, RunResult, RunSpec, RunStatus
from curate.core.model import Run, TestStrength
from curate.environments.context import ValidationCancelled, ValidationContext
from curate.environments.plan import ValidationPlan, make_classifier, resource_limits
from curate.patches.ablation import HunkAblation, config_only_patch, hunk_ablations
from curate.validate.verdict import cannot_verify

INFRASTRUCTURE_TRIES = 3

T = TypeVar("T")


def run_before_and_after(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext, *, count: int
) -> Sequence[Run]:
    """Run *count* times on each side, the two beside each other if there is room for both; once
    where that leaves nothing to show.

    Raises ValidationCancelled if the user asked to stop, BuilderError if the sandbox does not hold.
    """
    runs: list[Run] = []
    for index in range(count):
        sides = ("after", "before")
        pair = [partial(_run_side, plan, built, ctx, side=side, index=index) for side in sides]
        after, before = _run_in_parallel(ctx, pair)
        runs += [before, after]
        if index == 0 and cannot_verify(before, after):
            break
    return runs


def measure_strength(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext, fail_to_pass: Sequence[str]
) -> tuple[TestStrength, float]:
    """What the tests notice of the gold patch, and the CPU-seconds that took to find out.

    A gold patch of one piece was tried without it already, in the before-runs.
    """
    ablations = hunk_ablations(plan.candidate.patch, make_classifier(plan.recipe).is_source)
    if len(ablations) == 1:
        return TestStrength(hunks=(ablations[0].name,), untested=()), 0.0
    tested, untested, seconds = [], [], 0.0

    def run_without(number: int, ablation: HunkAblation) -> RunResult:
        ctx.report_step(plan.candidate.instance_id, f"strength {number} of {len(ablations)}")
        patches = (plan.candidate.test_patch, ablation.patch_without)
        return _run_with_retries(ctx, built, _make_run_spec(plan, patches, index=0))

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
    """Whether what gold changes beside source passes all tests, and the CPU-seconds of trying."""
    config_patch = config_only_patch(plan.candidate.patch, make_classifier(plan.recipe).is_source)
    if not config_patch:
        return False, 0.0
    ctx.report_step(plan.candidate.instance_id, "gold without source")
    execution = _make_run_spec(plan, (plan.candidate.test_patch, config_patch), index=0)
    (result,) = _run_in_parallel(ctx, [partial(_run_with_retries, ctx, built, execution)])
    return _passes_all(result, fail_to_pass), result.cpu_seconds


def _run_in_parallel(ctx: ValidationContext, runs: Sequence[Callable[[], T]]) -> list[T]:
    """What *runs* give, in their order; none is under way any more when this returns or raises."""
    futures = [ctx.run_executor.submit(run) for run in runs]
    wait(futures)
    return [future.result() for future in futures]


def _passes_all(result: RunResult, fail_to_pass: Sequence[str]) -> bool:
    return all(result.outcomes.get(node_id) is Outcome.PASSED for node_id in fail_to_pass)


def _run_side(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext, *, side: str, index: int
) -> Run:
    candidate = plan.candidate
    ctx.report_step(candidate.instance_id, f"{side} {index + 1}")
    patches = (
        (candidate.test_patch, candidate.patch) if side == "after" else (candidate.test_patch,)
    )
    reverse_files = side == "after" and index % 2 == 1
    result = _run_with_retries(
        ctx, built, _make_run_spec(plan, patches, index, reverse_files=reverse_files)
    )
    return Run(
        side=side,
        index=index,
        status=result.status,
        outcomes=result.outcomes,
        seconds=result.seconds,
        cpu_seconds=result.cpu_seconds,
        log=ctx.store.blobs.put(result.output),
        detail=result.detail,
    )


def _make_run_spec(
    plan: ValidationPlan, patches: tuple[bytes, ...], index: int, *, reverse_files: bool = False
) -> RunSpec:
    """One run of the changed tests; *index* is the hash seed, *reverse_files* another order of
    files.

    Without the gold patch a test that fails may take others with it that come behind. In another
    order those would pass, and a test that only gold keeps from harm would count as unsteady; so
    only after-runs change the order.
    """
    return RunSpec(
        command=plan.selection.build_command(
            plan.env, plan.recipe.data_driven_tests, reverse_files=reverse_files
        ),
        patches=patches,
        env_vars={**plan.env_vars, "PYTHONHASHSEED": str(index)},
        limits=resource_limits(plan.env),
    )


def _run_with_retries(
    ctx: ValidationContext, built: BuiltInstance, execution: RunSpec
) -> RunResult:
    """Run until the sandbox itself holds, a few times at most.

    A run that is cut short each time is so by its tests, not by an engine that was restarted.
    """
    last_error: BuilderError = SandboxError("no run was made")
    for left in reversed(range(INFRASTRUCTURE_TRIES)):
        if ctx.stop_event.is_set():
            raise ValidationCancelled
        try:
            result = ctx.backend.run_tests(built, execution)
        except SandboxError as error:
            last_error = error
        else:
            if result.was_interrupted and left:
                continue
            if result.status is not RunStatus.OUT_OF_MEMORY:
                return result
            last_error = SandboxError(
                f"A run of {built.name} was out of memory.",
                hint="Raise limits.memory_gib in the recipe, or lower -j.",
            )
    raise last_error
