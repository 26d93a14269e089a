"""Measure one instance: its gold patch traced, then wrong variants of it, each in a new sandbox."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from curate import __version__
from curate.builders.backends.protocol import Backend
from curate.builders.backends.run_retries import run_with_retries
from curate.builders.model import BuiltInstance, Outcome, RunResult, RunScope, RunSpec, RunStatus
from curate.builders.process.digest import content_hash
from curate.core.measurement import (
    MEASUREMENT_VERSION,
    Measurement,
    MutantOutcome,
    MutantResult,
)
from curate.core.task import Task
from curate.harness.grade import make_grade, make_run_spec
from curate.measure.edits import NotPythonError
from curate.measure.mutants import (
    ChangedSource,
    Mutant,
    draw_mutants,
    read_changed_sources,
)
from curate.measure.statements import ON_IMPORT, Executed, list_executing, list_statements

# Time limits of a mutant's run, in proportion to what the gold patch took.
TIME_FACTOR, MIN_SECONDS = 5, 20.0


@dataclass(frozen=True, kw_only=True)
class MeasuringContext:
    """What measuring needs besides the task."""

    backend: Backend
    read_old: Callable[[str], bytes | None]  # a file of the base commit; None if there is none
    is_source: Callable[[str], bool]
    check_cancelled: Callable[[], None] = lambda: None
    report_step: Callable[[str], None] = lambda step: None
    save_blob: Callable[[bytes], str]  # returns the key


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Which statements of the gold patch the tests execute."""

    added: int
    covered: int
    touching: tuple[str, ...]


def hash_inputs(task: Task, max_mutants: int) -> str:
    """Return the hash of all that a measurement of *task* depends on."""
    parts = (
        *(task.image_digest or task.image, task.base_commit, task.gold, task.test_patch),
        *(task.test_command, sorted(task.env_vars.items()), task.fail_to_pass, task.pass_to_pass),
        *(task.protected_paths, task.limits, max_mutants, MEASUREMENT_VERSION),
    )
    return content_hash(repr(parts))


def measure_task(
    task: Task, built: BuiltInstance, ctx: MeasuringContext, max_mutants: int
) -> Measurement:
    """Measure *task*. Raises BuilderError if the sandbox keeps failing.

    If the gold patch does not pass where it runs, `problem` says so and nothing else is measured.
    """
    sources, unreadable = read_changed_sources(task.gold, ctx.read_old, ctx.is_source)
    draw = draw_mutants(task.gold, sources, task.instance_id, max_mutants)
    empty = Measurement(
        instance_id=task.instance_id,
        inputs_hash=hash_inputs(task, max_mutants),
        curate_version=__version__,
        measured_at=datetime.now(UTC),
        possible_mutants=draw.possible,
        equivalent_mutants=draw.equivalent,
        unreadable={**unreadable, **draw.unreadable},
    )
    if not sources:
        return replace(empty, problem="the gold patch adds no line to readable Python source")
    ctx.report_step("coverage")
    traced = _run_gold(task, built, ctx, tuple(source.path for source in sources))
    grade = make_grade(task, task.gold, traced)
    if not grade.resolved:
        problem = f"the gold patch does not pass: {grade.reason} {grade.detail}".strip()
        return replace(empty, problem=problem, cpu_seconds=traced.cpu_seconds)
    coverage = measure_coverage(sources, traced.executed, task.fail_to_pass, task.pass_to_pass)
    outcomes, seconds = [], traced.cpu_seconds
    by_path = {source.path: source for source in sources}
    for number, mutant in enumerate(draw.mutants, 1):
        ctx.report_step(f"mutant {number}/{len(draw.mutants)}")
        tests = choose_tests(mutant, by_path[mutant.path], traced.executed, task)
        result = _run_mutant(task, built, ctx, mutant, tests, traced)
        seconds += result.cpu_seconds
        outcomes.append(_judge(mutant, tests, result, ctx))
    return replace(
        empty,
        mutants=tuple(outcomes),
        added_statements=coverage.added,
        covered_statements=coverage.covered,
        touching_tests=coverage.touching,
        cpu_seconds=seconds,
    )


def measure_coverage(
    sources: Sequence[ChangedSource],
    executed: Executed,
    fail_to_pass: Sequence[str],
    pass_to_pass: Sequence[str],
) -> Coverage:
    """Return which added statements FAIL_TO_PASS executes, and which tests execute any of them."""
    added = covered = 0
    touching: set[str] = set()
    fixing = {ON_IMPORT, *fail_to_pass}
    for source in sources:
        try:
            statements = list_statements(source.after.text, source.after.added)
        except NotPythonError:
            continue
        for lines in statements:
            names = set(list_executing(executed, source.path, lines))
            added += 1
            covered += not fixing.isdisjoint(names)
            touching |= names
    tests = (*fail_to_pass, *pass_to_pass)
    return Coverage(
        added=added, covered=covered, touching=tuple(it for it in tests if it in touching)
    )


def choose_tests(
    mutant: Mutant, source: ChangedSource, executed: Executed, task: Task
) -> tuple[str, ...]:
    """Return the tests of *task* that can notice *mutant*.

    These are the ones that execute its line; all of them if it is executed on import, or by none:
    then a process that a test starts may execute it, which is not traced.
    """
    statements = list_statements(source.after.text, {mutant.line})
    lines = set().union(*statements) or {mutant.line}
    names = set(list_executing(executed, source.path, lines))
    tests = (*task.fail_to_pass, *task.pass_to_pass)
    chosen = tuple(name for name in tests if name in names)
    return tests if ON_IMPORT in names or not chosen else chosen


def _run_gold(
    task: Task, built: BuiltInstance, ctx: MeasuringContext, paths: tuple[str, ...]
) -> RunResult:
    spec = replace(make_run_spec(task, task.gold), scope=RunScope(traced=paths))
    return run_with_retries(ctx.backend, built, spec, ctx.check_cancelled)


def _run_mutant(
    task: Task,
    built: BuiltInstance,
    ctx: MeasuringContext,
    mutant: Mutant,
    tests: tuple[str, ...],
    gold: RunResult,
) -> RunResult:
    spec = make_run_spec(task, mutant.patch)
    return run_with_retries(ctx.backend, built, _bound(spec, tests, gold), ctx.check_cancelled)


def _bound(spec: RunSpec, tests: tuple[str, ...], gold: RunResult) -> RunSpec:
    """Return *spec* for *tests*, until one fails, in the time that the gold patch lets expect."""
    limits = spec.limits
    slowest = max(MIN_SECONDS, TIME_FACTOR * gold.slowest_test_seconds, gold.seconds)
    seconds = max(MIN_SECONDS, TIME_FACTOR * gold.seconds)
    bounded = replace(
        limits,
        test_seconds=min(limits.test_seconds, slowest),
        seconds=min(limits.seconds, seconds),
    )
    scope = RunScope(tests=tests, stop_at_failure=True)
    return replace(spec, limits=bounded, scope=scope, stop_at_timeout=True)


def _judge(
    mutant: Mutant, tests: Sequence[str], result: RunResult, ctx: MeasuringContext
) -> MutantOutcome:
    killed_by = find_killer(tests, result.outcomes, result.status)
    if result.status is RunStatus.PATCH_FAILED:
        verdict = MutantResult.UNUSABLE
    else:
        verdict = MutantResult.KILLED if killed_by else MutantResult.SURVIVED
    return MutantOutcome(
        operator=mutant.operator,
        path=mutant.path,
        line=mutant.line,
        old=mutant.old,
        new=mutant.new,
        result=verdict,
        tests=len(tests),
        killed_by=killed_by,
        patch=ctx.save_blob(mutant.patch) if verdict is MutantResult.SURVIVED else "",
    )


def find_killer(tests: Sequence[str], outcomes: Mapping[str, Outcome], status: RunStatus) -> str:
    """Return a test that does not pass, or else what kept one from its outcome; "" if all pass."""
    failed = [it for it in tests if outcomes.get(it, Outcome.PASSED) is not Outcome.PASSED]
    if failed:
        return failed[0]
    if all(it in outcomes for it in tests):
        return ""
    errors = (name for name, it in outcomes.items() if it is Outcome.ERROR)  # files of tests, too
    return next(errors, str(status))
