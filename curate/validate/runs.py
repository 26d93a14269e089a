"""Runs of a built instance: before and after the gold patch, and with pieces of it left out."""

from collections.abc import Callable, Sequence
from concurrent.futures import wait
from functools import partial
from typing import TypeVar

from builders.errors import BuilderError, SandboxError
from builders.model import Built, Execution, Outcome, RunResult, RunStatus
from curate.core.model import Run, Strength
from curate.environments.context import Interrupted, Workshop
from curate.environments.plan import Plan, limits, path_rules
from curate.patches.ablation import Piece, pieces, settings_alone
from curate.validate.verdict import hopeless

INFRASTRUCTURE_TRIES = 3

T = TypeVar("T")


def make_runs(plan: Plan, built: Built, shop: Workshop, *, count: int) -> Sequence[Run]:
    """Run *count* times on each side, the two beside each other if there is room for both; once
    where that leaves nothing to show.

    Raises Interrupted if the user asked to stop, BuilderError if the sandbox does not hold.
    """
    runs: list[Run] = []
    for index in range(count):
        sides = ("after", "before")
        pair = [partial(_run, plan, built, shop, side=side, index=index) for side in sides]
        after, before = _together(shop, pair)
        runs += [before, after]
        if index == 0 and hopeless(before, after):
            break
    return runs


def measure_strength(
    plan: Plan, built: Built, shop: Workshop, fail_to_pass: Sequence[str]
) -> tuple[Strength, float]:
    """What the tests notice of the gold patch, and the CPU-seconds that took to find out.

    A gold patch of one piece was tried without it already, in the before-runs.
    """
    found = pieces(plan.candidate.patch, path_rules(plan.recipe).is_source)
    if len(found) == 1:
        return Strength(pieces=(found[0].name,), unnoticed=()), 0.0
    tried, unnoticed, seconds = [], [], 0.0

    def without(number: int, piece: Piece) -> RunResult:
        shop.report(plan.candidate.instance_id, f"strength {number} of {len(found)}")
        patches = (plan.candidate.test_patch, piece.rest)
        return _sound(shop, built, _execution(plan, patches, index=0))

    results = _together(shop, [partial(without, *each) for each in enumerate(found, 1)])
    for piece, result in zip(found, results, strict=True):
        seconds += result.cpu_seconds
        if result.status is RunStatus.PATCH_FAILED:
            continue
        tried.append(piece.name)
        if _passes(result, fail_to_pass):
            unnoticed.append(piece.name)
    return Strength(pieces=tuple(tried), unnoticed=tuple(unnoticed)), seconds


def fixed_by_settings(
    plan: Plan, built: Built, shop: Workshop, fail_to_pass: Sequence[str]
) -> tuple[bool, float]:
    """Whether what gold changes beside source passes all tests, and the CPU-seconds of trying."""
    rest = settings_alone(plan.candidate.patch, path_rules(plan.recipe).is_source)
    if not rest:
        return False, 0.0
    shop.report(plan.candidate.instance_id, "gold without source")
    execution = _execution(plan, (plan.candidate.test_patch, rest), index=0)
    (result,) = _together(shop, [partial(_sound, shop, built, execution)])
    return _passes(result, fail_to_pass), result.cpu_seconds


def _together(shop: Workshop, runs: Sequence[Callable[[], T]]) -> list[T]:
    """What *runs* give, in their order; none is under way any more when this returns or raises."""
    futures = [shop.sandboxes.submit(run) for run in runs]
    wait(futures)
    return [future.result() for future in futures]


def _passes(result: RunResult, fail_to_pass: Sequence[str]) -> bool:
    return all(result.outcomes.get(name) is Outcome.PASSED for name in fail_to_pass)


def _run(plan: Plan, built: Built, shop: Workshop, *, side: str, index: int) -> Run:
    candidate = plan.candidate
    shop.report(candidate.instance_id, f"{side} {index + 1}")
    patches = (
        (candidate.test_patch, candidate.patch) if side == "after" else (candidate.test_patch,)
    )
    backwards = side == "after" and index % 2 == 1
    result = _sound(shop, built, _execution(plan, patches, index, backwards=backwards))
    return Run(
        side=side,
        index=index,
        status=result.status,
        outcomes=result.outcomes,
        seconds=result.seconds,
        cpu_seconds=result.cpu_seconds,
        log=shop.store.blobs.put(result.output),
        detail=result.detail,
    )


def _execution(
    plan: Plan, patches: tuple[bytes, ...], index: int, *, backwards: bool = False
) -> Execution:
    """One run of the changed tests; *index* is the hash seed, *backwards* another order of files.

    Without the gold patch a test that fails may take others with it that come behind. In another
    order those would pass, and a test that only gold keeps from harm would count as unsteady; so
    only after-runs change the order.
    """
    return Execution(
        command=plan.selection.command(plan.env, plan.recipe.cases, backwards=backwards),
        patches=patches,
        environment={**plan.variables, "PYTHONHASHSEED": str(index)},
        limits=limits(plan.env),
    )


def _sound(shop: Workshop, built: Built, execution: Execution) -> RunResult:
    """Run until the sandbox itself holds, a few times at most.

    A run that is cut short each time is so by its tests, not by an engine that was restarted.
    """
    problem: BuilderError = SandboxError("no run was made")
    for left in reversed(range(INFRASTRUCTURE_TRIES)):
        if shop.stop.is_set():
            raise Interrupted
        try:
            result = shop.backend.run(built, execution)
        except SandboxError as error:
            problem = error
        else:
            if result.cut_short and left:
                continue
            if result.status is not RunStatus.OUT_OF_MEMORY:
                return result
            problem = SandboxError(
                f"A run of {built.name} was out of memory.",
                hint="Raise limits.memory_gib in the recipe, or lower -j.",
            )
    raise problem
