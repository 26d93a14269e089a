"""What the runs say of a candidate: a pure function of their outcomes."""

from collections.abc import Sequence

from builders.model import Outcome, RunStatus
from curate.core.model import Rejection, Run, Verdict

FAILING = frozenset({Outcome.FAILED, Outcome.ERROR})


def compute_verdict(before: Sequence[Run], after: Sequence[Run]) -> Verdict:
    """Judge a candidate by its runs on both sides.

    FAIL_TO_PASS passes in every after-run and in no before-run; PASS_TO_PASS passes in all of
    them; a test that passes in some runs of a side and not in others is quarantined. A test that
    passes in all before-runs and fails in all after-runs rejects the candidate.
    """
    run_failure = _check_run_status(before, after)
    if run_failure:
        return _rejected_verdict(run_failure)
    node_ids = sorted({name for run in (*before, *after) for name in run.outcomes})
    before_outcomes = {name: [_outcome_of(run, name) for run in before] for name in node_ids}
    after_outcomes = {name: [_outcome_of(run, name) for run in after] for name in node_ids}
    fail_to_pass = tuple(
        n
        for n in node_ids
        if _always_passes(after_outcomes[n]) and not _ever_passes(before_outcomes[n])
    )
    quarantined = tuple(
        n for n in node_ids if _is_flaky(before_outcomes[n]) or _is_flaky(after_outcomes[n])
    )
    verdict = Verdict(
        fail_to_pass=fail_to_pass,
        pass_to_pass=tuple(
            n
            for n in node_ids
            if _always_passes(after_outcomes[n]) and _always_passes(before_outcomes[n])
        ),
        flaky_tests=quarantined,
        pre_fix_outcomes={name: before_outcomes[name][0] for name in fail_to_pass},
        rejection=_check_collection(after)
        or _check_regressions(node_ids, before_outcomes, after_outcomes)
        or None,
    )
    if verdict.rejection or fail_to_pass:
        return verdict
    return _rejected_verdict(_reject_no_fail_to_pass(quarantined))


def cannot_verify(before: Run, after: Run) -> bool:
    """Whether one run on each side already shows that more runs cannot verify the candidate."""
    why = compute_verdict([before], [after]).rejection
    if why is None or why.reason == "gold-breaks-tests":
        return False
    return why.reason != "no-fail-to-pass" or before.outcomes == after.outcomes


def _check_run_status(before: Sequence[Run], after: Sequence[Run]) -> Rejection | None:
    """A run that did not end by itself. Before the gold patch, only a crash may be the defect."""
    for run in (*after, *before):
        status = RunStatus(run.status)
        fatal = status is not RunStatus.COMPLETED
        if run.side == "before" and status in (RunStatus.CRASHED, RunStatus.TIMEOUT):
            fatal = False
        if fatal:
            detail = run.detail or f"{run.side}-run {run.index} ended with {run.status}"
            return Rejection(stage="validate", reason=str(status), detail=detail)
    return None


def _check_collection(after: Sequence[Run]) -> Rejection | None:
    """A file that cannot be collected after gold: the environment is at fault."""
    failed_files = sorted(
        {n for run in after for n, o in run.outcomes.items() if "::" not in n and o in FAILING}
    )
    if failed_files:
        return Rejection(stage="collect", reason="collection-error", detail=", ".join(failed_files))
    if not any(run.outcomes for run in after):
        return Rejection(stage="collect", reason="no-tests-collected")
    return None


def _check_regressions(
    node_ids: Sequence[str],
    before_outcomes: dict[str, list[Outcome]],
    after_outcomes: dict[str, list[Outcome]],
) -> Rejection | None:
    regressed = [
        n
        for n in node_ids
        if _always_passes(before_outcomes[n]) and all(o in FAILING for o in after_outcomes[n])
    ]
    if not regressed:
        return None
    return Rejection(
        stage="validate",
        reason="gold-breaks-tests",
        detail=f"{len(regressed)} tests, among them {', '.join(regressed[:5])}",
    )


def _reject_no_fail_to_pass(quarantined: Sequence[str]) -> Rejection:
    if quarantined:
        detail = f"{len(quarantined)} tests waver, among them {', '.join(quarantined[:5])}"
        return Rejection(stage="validate", reason="flaky", detail=detail)
    return Rejection(stage="validate", reason="no-fail-to-pass")


def _rejected_verdict(why: Rejection) -> Verdict:
    return Verdict(fail_to_pass=(), pass_to_pass=(), rejection=why)


def _outcome_of(run: Run, node_id: str) -> Outcome:
    return run.outcomes.get(node_id, Outcome.MISSING)


def _always_passes(outcomes: Sequence[Outcome]) -> bool:
    return bool(outcomes) and all(outcome is Outcome.PASSED for outcome in outcomes)


def _ever_passes(outcomes: Sequence[Outcome]) -> bool:
    return Outcome.PASSED in outcomes


def _is_flaky(outcomes: Sequence[Outcome]) -> bool:
    return _ever_passes(outcomes) and not _always_passes(outcomes)
