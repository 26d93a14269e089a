"""Measure one instance: its gold patch traced, then wrong variants of it, each in a new sandbox."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from curate import __version__
from curate.builders.backends.run_retries import run_with_retries
from curate.builders.model import BuiltInstance, RunResult, RunScope
from curate.builders.process.digest import content_hash
from curate.core.measurement import (
    MEASUREMENT_VERSION,
    Measurement,
)
from curate.core.task import Task
from curate.harness.grade import make_grade, make_run_spec
from curate.measure.context import MeasuringContext
from curate.measure.edits import NotPythonError
from curate.measure.mutants import ChangedSource, draw_mutants, read_changed_sources
from curate.measure.statements import ON_IMPORT, Executed, list_executing, list_statements
from curate.measure.trial import MutantTrial


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
    trial = MutantTrial(task=task, built=built, ctx=ctx, gold=traced, sources=tuple(sources))
    outcomes, seconds = trial.run(draw.mutants)
    return replace(
        empty,
        mutants=tuple(outcomes),
        added_statements=coverage.added,
        covered_statements=coverage.covered,
        touching_tests=coverage.touching,
        cpu_seconds=traced.cpu_seconds + seconds,
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


def _run_gold(
    task: Task, built: BuiltInstance, ctx: MeasuringContext, paths: tuple[str, ...]
) -> RunResult:
    spec = replace(make_run_spec(task, task.gold), scope=RunScope(traced=paths))
    return run_with_retries(ctx.backend, built, spec, ctx.check_cancelled)
