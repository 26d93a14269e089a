"""Attempts that answer what earlier ones said: repaired environments, other interpreters."""

import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial

from curate.builders.model import RequirementsLock, RunStatus
from curate.core.model import Validation
from curate.environments.build import ENVIRONMENT_FAILED, choose_lock, get_or_create_lock
from curate.environments.context import ValidationContext
from curate.environments.evidence import RepositoryEvidence
from curate.environments.other_pythons import list_other_pythons
from curate.environments.plan import ValidationPlan, find_head_commit
from curate.validate.attempt import Attempt, measure_progress
from curate.validate.missing import find_missing
from curate.validate.repair import REPAIRABLE, iter_repairs, read_log
from curate.validate.verdict import PASS_TO_FAIL

# Where these are missing, another interpreter would miss them, too.
INDEPENDENT_OF_PYTHON = frozenset(
    {"module", "distribution", "plugin", "fixture", "option", "ini", "marker", "executable"}
    | {"library", "debian-package", "variable", "import-mismatch", "duplicate-option"}
)

_PYTHON_REASONS = frozenset(
    {"collection-error", "no-tests-collected", str(RunStatus.CRASHED), PASS_TO_FAIL}
)


def iter_remedied(
    declared: Sequence[Attempt], ctx: ValidationContext, records: Sequence[Validation]
) -> Generator[Attempt, None, Attempt]:
    """Yield repairs of the best attempt with declared requirements, then other interpreters.

    *records* are those of all attempts so far, in order. Returns the attempt that came farthest,
    on which later attempts are based; of equal ones, the first.
    """
    best, best_record = max(
        zip(declared, records, strict=True), key=lambda it: measure_progress(it[1])
    )
    if not _is_repairable(best, best_record, ctx):
        return declared[0]
    with _open_evidence(best.plan, ctx) as evidence:
        for attempt in iter_repairs(best, ctx, evidence, lambda: records[-1]):
            yield attempt
            best, best_record = _better((best, best_record), (attempt, records[-1]))
        for attempt in _iter_pythons(best, best_record, ctx, evidence):
            yield attempt
            best, best_record = _better((best, best_record), (attempt, records[-1]))
    return best


def _better(
    one: tuple[Attempt, Validation], other: tuple[Attempt, Validation]
) -> tuple[Attempt, Validation]:
    return max(one, other, key=lambda it: measure_progress(it[1]))


def _is_repairable(attempt: Attempt, record: Validation, ctx: ValidationContext) -> bool:
    rejection = record.verdict.rejection
    if rejection is None or not isinstance(attempt.lock, RequirementsLock):
        return False
    if rejection.reason == ENVIRONMENT_FAILED:  # of a package, unless the log says more
        return bool(find_missing(read_log(record, ctx)))
    return rejection.reason in REPAIRABLE


def _open_evidence(plan: ValidationPlan, ctx: ValidationContext) -> RepositoryEvidence:
    candidate = plan.candidate
    mirror = ctx.get_mirror(candidate.repo)
    head = find_head_commit(candidate, mirror)
    return RepositoryEvidence(mirror, candidate.base_commit, head, plan.recipe.import_name)


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _iter_pythons(
    attempt: Attempt, record: Validation, ctx: ValidationContext, evidence: RepositoryEvidence
) -> Iterator[Attempt]:
    """Yield *attempt* with other interpreters, if its runs say that this may help."""
    rejection = record.verdict.rejection
    is_chosen = not attempt.plan.env.python and isinstance(attempt.lock, RequirementsLock)
    if not is_chosen or rejection is None or rejection.reason not in _PYTHON_REASONS:
        return
    first = next(iter(find_missing(read_log(record, ctx))), None)
    if first and first.kind in INDEPENDENT_OF_PYTHON and not _is_standard(first.name):
        return
    variant = attempt.variant
    for python in list_other_pythons(variant, evidence.base, ctx.python_versions):
        why = f"which the project declares: {variant.python} does not verify"
        notes = (*variant.manifest.notes, f"ran on Python {python}, {why}")
        manifest = replace(variant.manifest, notes=notes)
        other = replace(variant, python=python, reason=why, manifest=manifest)
        lock = choose_lock(other, partial(get_or_create_lock, attempt.plan, other, ctx=ctx))
        if isinstance(lock, RequirementsLock):
            name = f"{attempt.name}, Python {python}"
            yield replace(attempt, name=name, variant=other, lock=lock, repaired=None)
