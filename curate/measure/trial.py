"""Mutants put to the tests of an instance.

First all of them in one sandbox, where what no mutant changes is imported once. The gold patch is
the first and the last session there: if it does not pass, the sessions are in each other's way, and
each mutant gets a sandbox of its own. So does a mutant that survives, before it is said to.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from curate.builders.backends.run_retries import run_with_retries
from curate.builders.model import (
    BuiltInstance,
    Outcome,
    RunResult,
    RunScope,
    RunSpec,
    RunStatus,
    RunVariant,
    VariantResult,
)
from curate.core.measurement import MutantOutcome, MutantResult
from curate.core.task import Task
from curate.harness.grade import make_run_spec
from curate.measure.context import MeasuringContext
from curate.measure.mutants import ChangedSource, Mutant
from curate.measure.statements import ON_IMPORT, Executed, list_executing, list_statements

log = logging.getLogger(__name__)

# Time limits of a mutant's session, in proportion to what the gold patch took.
TIME_FACTOR, MIN_SECONDS = 5, 20.0
_END = {True: RunStatus.COMPLETED, False: RunStatus.CRASHED}


@dataclass(frozen=True, kw_only=True)
class MutantTrial:
    """One instance, and the traced run of its gold patch."""

    task: Task
    built: BuiltInstance
    ctx: MeasuringContext
    gold: RunResult
    sources: tuple[ChangedSource, ...]

    def run(self, mutants: Sequence[Mutant]) -> tuple[list[MutantOutcome], float]:
        """Return what became of each of *mutants*, and the CPU-seconds that it took."""
        if not mutants:
            return [], 0.0
        chosen = [self._choose(mutant) for mutant in mutants]
        self.ctx.report_step(f"{len(mutants)} mutants")
        together = self._run(make_run_spec(self.task, self.task.gold), self._scope(mutants, chosen))
        seconds = together.cpu_seconds
        killers = _find_killers(together, chosen)
        if not killers:
            name, detail = self.task.instance_id, together.detail or "gold does not pass there"
            log.debug("%s: mutants cannot share a sandbox: %s", name, detail)
            # Tests may need others before them: all run, as in the validation.
            chosen = [(*self.task.fail_to_pass, *self.task.pass_to_pass)] * len(mutants)
        outcomes = []
        for number, (mutant, tests) in enumerate(zip(mutants, chosen, strict=True)):
            killer = killers[number] if killers else ""
            result = MutantResult.KILLED
            if not killer:
                self.ctx.report_step(f"mutant {number + 1}/{len(mutants)}")
                scope = RunScope(tests=tests, stop_at_failure=True)
                alone = self._run(make_run_spec(self.task, mutant.patch), scope)
                seconds += alone.cpu_seconds
                killer = find_killer(tests, alone.outcomes, alone.status)
                result = _judge(alone, killer)
            outcomes.append(self._make_outcome(mutant, tests, result, killer))
        return outcomes, seconds

    def _choose(self, mutant: Mutant) -> tuple[str, ...]:
        source = next(it for it in self.sources if it.path == mutant.path)
        tests = (*self.task.fail_to_pass, *self.task.pass_to_pass)
        return choose_tests(mutant, source, self.gold.executed, tests)

    def _scope(self, mutants: Sequence[Mutant], chosen: Sequence[tuple[str, ...]]) -> RunScope:
        control = RunVariant(files={}, tests=tuple(dict.fromkeys(sum(chosen, ()))))
        variants = (
            RunVariant(files={mutant.path: mutant.text}, tests=tests)
            for mutant, tests in zip(mutants, chosen, strict=True)
        )
        return RunScope(
            variants=(control, *variants, control),
            variant_seconds=self._bound_seconds(),
            stop_at_failure=True,
            preload=self.gold.modules,
        )

    def _bound_seconds(self) -> float:
        return min(self.task.limits.seconds, max(MIN_SECONDS, TIME_FACTOR * self.gold.seconds))

    def _run(self, spec: RunSpec, scope: RunScope) -> RunResult:
        """Run *scope* in a new sandbox, in the time that the gold patch lets expect."""
        limits = spec.limits
        slowest = max(MIN_SECONDS, TIME_FACTOR * self.gold.slowest_test_seconds, self.gold.seconds)
        seconds = self._bound_seconds() * max(len(scope.variants), 1)
        bounded = replace(limits, test_seconds=min(limits.test_seconds, slowest), seconds=seconds)
        spec = replace(spec, limits=bounded, scope=scope, stop_at_timeout=True)
        return run_with_retries(self.ctx.backend, self.built, spec, self.ctx.check_cancelled)

    def _make_outcome(
        self, mutant: Mutant, tests: Sequence[str], result: MutantResult, killer: str
    ) -> MutantOutcome:
        survived = result is MutantResult.SURVIVED
        return MutantOutcome(
            operator=mutant.operator,
            path=mutant.path,
            line=mutant.line,
            old=mutant.old,
            new=mutant.new,
            result=result,
            tests=len(tests),
            killed_by=killer if result is MutantResult.KILLED else "",
            patch=self.ctx.save_blob(mutant.patch) if survived else "",
        )


def _find_killers(together: RunResult, chosen: Sequence[tuple[str, ...]]) -> list[str]:
    """Return for each mutant what killed it, "" if nothing; [] if the sessions do not count."""
    sessions = together.variants
    if len(sessions) != len(chosen) + 2:
        return []
    if not all(_passes(it, chosen) for it in (sessions[0], sessions[-1])):
        return []
    return [
        find_killer(tests, it.outcomes, _END[it.is_complete])
        for tests, it in zip(chosen, sessions[1:-1], strict=True)
    ]


def _passes(control: VariantResult, chosen: Sequence[tuple[str, ...]]) -> bool:
    """Whether the gold patch passes all tests of all mutants."""
    passed = {name for name, it in control.outcomes.items() if it is Outcome.PASSED}
    return control.is_complete and all(passed.issuperset(tests) for tests in chosen)


def _judge(alone: RunResult, killer: str) -> MutantResult:
    if alone.status is RunStatus.PATCH_FAILED:
        return MutantResult.UNUSABLE
    return MutantResult.KILLED if killer else MutantResult.SURVIVED


def choose_tests(
    mutant: Mutant, source: ChangedSource, executed: Executed, tests: tuple[str, ...]
) -> tuple[str, ...]:
    """Return those of *tests* that can notice *mutant*.

    These are the ones that execute its line; all of them if it is executed on import, or by none:
    then a process that a test starts may execute it, which is not traced.
    """
    statements = list_statements(source.after.text, {mutant.line})
    lines = set().union(*statements) or {mutant.line}
    names = set(list_executing(executed, source.path, lines))
    chosen = tuple(name for name in tests if name in names)
    return tests if ON_IMPORT in names or not chosen else chosen


def find_killer(tests: Sequence[str], outcomes: Mapping[str, Outcome], status: RunStatus) -> str:
    """Return a test that does not pass, or else what kept one from its outcome; "" if all pass."""
    failed = [it for it in tests if outcomes.get(it, Outcome.PASSED) is not Outcome.PASSED]
    if failed:
        return failed[0]
    if all(it in outcomes for it in tests):
        return ""
    errors = (name for name, it in outcomes.items() if it is Outcome.ERROR)  # files of tests, too
    return next(errors, str(status))
