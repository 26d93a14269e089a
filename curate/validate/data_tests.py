"""Which tests read the changed data files of a candidate, as seen in its sandbox."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from curate.builders.model import BuiltInstance, Recording, RunResult, RunSpec, RunStatus
from curate.builders.process.digest import content_hash
from curate.core.model import Rejection, Run
from curate.environments.case_selection import (
    list_collecting_modules,
    mark_unstable,
    match_changed,
    match_opened,
    match_parameters,
)
from curate.environments.context import ValidationContext
from curate.environments.plan import ValidationPlan, plan_unread_data
from curate.environments.recipe_values import resource_limits
from curate.environments.test_selection import name_some
from curate.validate.runs import run_before_and_after, run_until_complete
from curate.validate.verdict import NO_FAIL_TO_PASS, compute_verdict

log = logging.getLogger(__name__)

COLLECT_SECONDS, RECORD_SECONDS = 180.0, 300.0
"""Time limits of the runs that look for the tests: one only collects, one records opened files."""


def run_data_tests(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext, *, count: int
) -> tuple[ValidationPlan, Sequence[Run]] | Rejection:
    """Run the tests *count* times on each side; also return *plan* with the tests that ran.

    If the changed test modules fix nothing, the tests of data that changes beside them run, too.
    """
    found = find_data_tests(plan, built, ctx)
    if isinstance(found, Rejection):
        return found
    runs = run_before_and_after(found, built, ctx, count=count)
    wider = _add_unread_data(found, runs, built, ctx)
    if wider is None:
        return found, runs
    return wider, run_before_and_after(wider, built, ctx, count=count)


def _add_unread_data(
    plan: ValidationPlan, runs: Sequence[Run], built: BuiltInstance, ctx: ValidationContext
) -> ValidationPlan | None:
    sides = ([run for run in runs if run.side == side] for side in ("before", "after"))
    rejection = compute_verdict(*sides).rejection
    if rejection is None or rejection.reason != NO_FAIL_TO_PASS:
        return None
    unread = plan_unread_data(plan, ctx.get_mirror(plan.candidate.repo))
    found = find_data_tests(unread, built, ctx) if unread else None
    if found is None or isinstance(found, Rejection):
        return None
    return _select(plan, (*plan.selection.files, *found.selection.files))


def find_data_tests(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext
) -> ValidationPlan | Rejection:
    """Return *plan* with the tests that read its changed data files; other plans as they are.

    Only tests that are collected with and without the gold patch, and with another hash seed, are
    given by name. If nothing is collected, the likeliest module runs, so that the runs tell why.
    """
    data = plan.selection.data_files
    if not data:
        return plan
    before = (plan.candidate.test_patch,)
    after = (*before, plan.candidate.patch)
    collected = _record(plan, built, ctx, before, "collect").recording
    if not (collected and collected.tests):
        return _select(plan, plan.selection.files[:1])  # the likeliest
    other = _record(plan, built, ctx, after, "collect", hash_seed="1").recording
    if other and other.tests:
        collected = mark_unstable(collected, other)
    arguments = (
        _find_changed(plan, built, ctx, collected)
        or match_parameters(collected, data)
        or _find_openers(plan, built, ctx, collected)
    )
    if not arguments:
        modules = name_some(plan.selection.files)
        detail = f"{name_some([file.path for file in data])}; looked for in {modules}"
        return Rejection(stage="validate", reason="no-test-reads-data", detail=detail)
    log.debug("%s: tests of the changed data: %s", plan.candidate.instance_id, name_some(arguments))
    return _select(plan, arguments)


def _select(plan: ValidationPlan, files: tuple[str, ...]) -> ValidationPlan:
    return replace(plan, selection=replace(plan.selection, files=files))


def _find_changed(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext, collected: Recording
) -> tuple[str, ...]:
    """Return the tests that modules make of the data, by collecting without the test patch, too."""
    data = plan.selection.data_files
    if not list_collecting_modules(collected, data):
        return ()
    unpatched = _record(plan, built, ctx, (), "collect").recording
    return match_changed(collected, unpatched, data) if unpatched else ()


def _find_openers(
    plan: ValidationPlan, built: BuiltInstance, ctx: ValidationContext, collected: Recording
) -> tuple[str, ...]:
    """Return the tests that open the data, by running the modules.

    The gold patch is applied, too, because a test that fails may not have opened all of its files.
    """
    patches = (plan.candidate.test_patch, plan.candidate.patch)
    result = _record(plan, built, ctx, patches, "run")
    if not result.recording:
        return ()
    recording = mark_unstable(result.recording, collected)
    arguments = match_opened(recording, plan.selection.data_files)
    if not arguments and result.status is not RunStatus.COMPLETED:
        return plan.selection.files[:1]  # the likeliest
    return arguments


def _record(
    plan: ValidationPlan,
    built: BuiltInstance,
    ctx: ValidationContext,
    patches: tuple[bytes, ...],
    record: str,
    *,
    hash_seed: str = "0",
) -> RunResult:
    limits = resource_limits(plan.env)
    bound = COLLECT_SECONDS if record == "collect" else RECORD_SECONDS
    spec = RunSpec(
        command=plan.selection.build_command(plan.env, plan.recipe.data_driven_tests),
        patches=patches,
        env_vars={**plan.env_vars, "PYTHONHASHSEED": hash_seed},
        limits=replace(limits, seconds=min(limits.seconds, bound)),
        record=record,
    )

    def run() -> RunResult:
        ctx.report_step(plan.candidate.instance_id, "tests of changed data")
        return replace(run_until_complete(ctx, built, spec), output=b"")

    step = f"record {content_hash(built.digest or built.handle, repr(spec))}"
    return ctx.resume(plan.candidate.instance_id, step, RunResult, run)
