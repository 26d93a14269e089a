"""One candidate on trial: planned purely, then locked, built, run and judged."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

from builders.model import Failure, Lock
from curate import __version__
from curate.core.model import Candidate, Rejection, Run, Validation, Verdict
from curate.environments.build import build, environment_of, exact_lock, shared_lock
from curate.environments.context import Options, Workshop
from curate.environments.plan import Ground, Plan, make_plan, this_architecture
from curate.environments.test_selection import NEIGHBOURS
from curate.validate.runs import fixed_by_settings, make_runs, measure_strength
from curate.validate.verdict import judge
from recipes import Recipe, RecipeError

RULES = 2
"""Grows where runs are made or judged otherwise, so that what was validated before is not taken."""

SETTINGS_ALONE = Rejection(
    stage="validate",
    reason="fixed-by-settings",
    detail="every FAIL_TO_PASS test passes with what gold changes beside source",
)


def inputs_hash(candidate: Candidate, recipe: Recipe, options: Options) -> str:
    """Key of a validation: candidate, the recipe's range that holds it, options, our rules.

    The machine is part of it where the range names those it is made for.
    """
    machine: tuple[str, ...] = ()
    try:
        env = recipe.environment(candidate.version)
        facts = recipe.digest(env)
        machine = (this_architecture(),) if env.architectures else ()
    except RecipeError as error:
        facts = str(error)
    about = (
        candidate.base_commit,
        candidate.created_at.isoformat(),
        hashlib.sha256(candidate.patch).hexdigest(),
        hashlib.sha256(candidate.test_patch).hexdigest(),
        facts,
        asdict(options),
        RULES,
        *((NEIGHBOURS,) if recipe.cases else ()),
        *machine,
    )
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def hold(candidate: Candidate, recipe: Recipe, options: Options, shop: Workshop) -> Validation:
    """Try *candidate* and return the record; raises BuilderError for infrastructure."""
    started, began = datetime.now(UTC), time.monotonic()
    blank = Validation(
        instance_id=candidate.instance_id,
        inputs=inputs_hash(candidate, recipe, options),
        curate_version=__version__,
        recipe_hash="",
        started_at=started,
        finished_at=started,
        test_command="",
        environment=None,
        runs=(),
        verdict=_fallen("validate", "not-run"),
    )
    plan = make_plan(candidate, recipe, shop.mirrors(candidate.repo), shop.pythons)
    if isinstance(plan, Rejection):
        record = replace(blank, verdict=_fallen(plan.stage, plan.reason, plan.detail))
    else:
        command = plan.selection.command(plan.env, recipe.cases)
        blank = replace(blank, recipe_hash=recipe.digest(plan.env), test_command=command)
        try:
            record = _tried(plan, options, shop, blank)
        finally:
            shop.backend.release(candidate.instance_id)
    spent = timedelta(seconds=time.monotonic() - began)  # the clock may be put back meanwhile
    return replace(record, finished_at=started + spent)


def _tried(plan: Plan, options: Options, shop: Workshop, blank: Validation) -> Validation:
    """The first attempt that verifies the candidate, or else the first; all are on record."""
    records: list[Validation] = []
    told: list[str] = []
    for name, tried, ground, lock in _attempts(plan, shop):
        if tried.as_in_ci and not records[0].runs:
            break  # what fell before its runs falls with other variables, too
        record = _attempted(tried, ground, lock, options, shop, blank)
        why = record.verdict.rejection
        told.append(f"{name}: {f'{why.stage}/{why.reason}' if why else 'verified'}")
        records.insert(0 if record.verified else len(records), record)
        if record.verified:
            break
    return replace(records[0], attempts=tuple(told))


def _attempts(plan: Plan, shop: Workshop) -> Iterator[tuple[str, Plan, Ground, Lock | Failure]]:
    """Plans and locks worth a try, each lock made when it is asked for, none twice.

    First those that all share who declare the same, then one as of the very date, unless the first
    was just that; then the first once more with the variables of the project's CI.
    """
    seen: list[tuple[str, ...]] = []
    locks = {}
    for ground in plan.grounds:
        lock = locks[ground.source] = shared_lock(plan, ground, shop)
        packages = lock.packages if isinstance(lock, Lock) else ()
        if not packages or packages not in seen:
            seen.append(packages)
            yield f"requirements of {ground.source}", plan, ground, lock
    first = plan.grounds[0]
    shared = locks[first.source]
    if isinstance(shared, Failure):
        return
    if shared.cutoff != first.date:
        lock = exact_lock(plan, first, shop)
        if isinstance(lock, Lock) and lock.packages not in seen:
            yield f"requirements of {first.source}, date-exact", plan, first, lock
    if plan.env.ci:
        in_ci = replace(plan, as_in_ci=True)
        yield f"requirements of {first.source}, variables of CI", in_ci, first, shared


def _attempted(
    plan: Plan,
    ground: Ground,
    lock: Lock | Failure,
    options: Options,
    shop: Workshop,
    blank: Validation,
) -> Validation:
    if isinstance(lock, Failure):
        return replace(blank, verdict=_fallen(lock.stage, lock.reason, lock.detail))
    lock, built = build(plan, ground, lock, shop)
    if isinstance(built, Failure):
        return replace(blank, verdict=_fallen(built.stage, built.reason, built.detail))
    runs = make_runs(plan, built, shop, count=options.runs)
    record = replace(
        blank,
        environment=environment_of(plan, ground, lock, built),
        runs=tuple(runs),
        verdict=judge(*_sides(runs)),
    )
    if not record.verified:
        return record
    tests = record.verdict.fail_to_pass
    trivial, spent = fixed_by_settings(plan, built, shop, tests)
    if trivial:
        verdict = replace(record.verdict, rejection=SETTINGS_ALONE)
        return replace(record, verdict=verdict, strength_seconds=spent)
    if not options.strength:
        return replace(record, strength_seconds=spent)
    strength, seconds = measure_strength(plan, built, shop, tests)
    return replace(record, strength=strength, strength_seconds=spent + seconds)


def _sides(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    before = [run for run in runs if run.side == "before"]
    return before, [run for run in runs if run.side == "after"]


def _fallen(stage: str, reason: str, detail: str = "") -> Verdict:
    why = Rejection(stage=stage, reason=reason, detail=detail)
    return Verdict(fail_to_pass=(), pass_to_pass=(), rejection=why)
