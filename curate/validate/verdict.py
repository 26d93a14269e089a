"""The verdict on a candidate: a pure function of the outcomes of its test runs."""

from collections.abc import Sequence

from curate.builders.model import Outcome, RunStatus
from curate.core.model import Rejection, Run, Verdict

FAILING = frozenset({Outcome.FAILED, Outcome.ERROR})
PASS_TO_FAIL = "pass-to-fail"
NO_FAIL_TO_PASS = "no-fail-to-pass"
RUN_NAMES = {"before": "pre-patch run", "after": "post-patch run"}  # by `Run.side`


def compute_verdict(before: Sequence[Run], after: Sequence[Run]) -> Verdict:
    """Compute the verdict from the runs *before* and *after* the gold patch.

    FAIL_TO_PASS tests pass in every post-patch run and in no pre-patch run; PASS_TO_PASS tests
    pass in all runs. A test that passes in only some of the pre-patch or only some of the
    post-patch runs is flaky and in neither list. A test that passes in all pre-patch runs and
    fails in all post-patch runs rejects the candidate.
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
        if _always_passes(after_outcomes[n])
        and not _ever_passes(before_outcomes[n])
        and not _was_not_reached(before, n)
    )
    flaky_tests = tuple(
        n for n in node_ids if _is_flaky(before_outcomes[n]) or _is_flaky(after_outcomes[n])
    )
    verdict = Verdict(
        fail_to_pass=fail_to_pass,
        pass_to_pass=tuple(
            n
            for n in node_ids
            if _always_passes(after_outcomes[n]) and _always_passes(before_outcomes[n])
        ),
        flaky_tests=flaky_tests,
        pre_fix_outcomes={name: before_outcomes[name][0] for name in fail_to_pass},
        rejection=_check_collection(before, after)
        or _check_regressions(node_ids, before_outcomes, after_outcomes)
        or None,
    )
    if verdict.rejection or fail_to_pass:
        return verdict
    stopped = next((run for run in before if run.status == RunStatus.TIMEOUT), None)
    if stopped:
        return _rejected_verdict(_reject_for_status(stopped))
    return _rejected_verdict(_reject_no_fail_to_pass(before_outcomes, after_outcomes))


def cannot_verify(before: Run, after: Run) -> bool:
    """Whether one pair of runs already shows that more runs cannot verify the candidate."""
    rejection = compute_verdict([before], [after]).rejection
    if rejection is None or rejection.reason == PASS_TO_FAIL:
        return False
    return rejection.reason != NO_FAIL_TO_PASS or before.outcomes == after.outcomes


def rejects_alone(after: Run) -> bool:
    """Whether the post-patch run *after* rejects the candidate, whatever other runs say."""
    return _check_run_status([], [after]) is not None


def _check_run_status(before: Sequence[Run], after: Sequence[Run]) -> Rejection | None:
    """Reject runs that did not complete.

    Before the gold patch, a crash or timeout is accepted: it may be the bug itself. Tests that a
    run did not reach before its time limit are no evidence, though.
    """
    for run in (*after, *before):
        status = RunStatus(run.status)
        fatal = status is not RunStatus.COMPLETED
        if run.side == "before" and status in (RunStatus.CRASHED, RunStatus.TIMEOUT):
            fatal = False
        if fatal:
            return _reject_for_status(run)
    return None


def _reject_for_status(run: Run) -> Rejection:
    name = f"{RUN_NAMES[run.side]} {run.index + 1}"
    detail = f"{name}: {run.detail or f'ended with status {run.status}'}"
    return Rejection(stage="validate", reason=str(run.status), detail=detail)


def _check_collection(before: Sequence[Run], after: Sequence[Run]) -> Rejection | None:
    """Reject collection errors after the gold patch.

    The environment is the likely cause, unless the files could be collected before.
    """
    failed_files = sorted(
        {n for run in after for n, o in run.outcomes.items() if "::" not in n and o in FAILING}
    )
    if failed_files:
        tested = {n.partition("::")[0] for run in before for n in run.outcomes if "::" in n}
        names = [
            f"{n} (collected before the gold patch)" if n in tested else n for n in failed_files
        ]
        return Rejection(stage="collect", reason="collection-error", detail=", ".join(names))
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
        reason=PASS_TO_FAIL,
        detail=_count_with_examples(regressed, "PASS_TO_FAIL test"),
    )


def _reject_no_fail_to_pass(
    before_outcomes: dict[str, list[Outcome]], after_outcomes: dict[str, list[Outcome]]
) -> Rejection:
    """Say why no test is FAIL_TO_PASS.

    The reason is flakiness only for a test that the gold patch does fix, but not in every run: it
    never passes before. Other flaky tests change nothing.
    """
    unsteady = [
        n
        for n, after in after_outcomes.items()
        if _is_flaky(after) and not _ever_passes(before_outcomes[n])
    ]
    if unsteady:
        detail = _count_with_examples(unsteady, "flaky test")
        return Rejection(stage="validate", reason="flaky-tests", detail=detail)
    flaky = [
        n for n in after_outcomes if _is_flaky(before_outcomes[n]) or _is_flaky(after_outcomes[n])
    ]
    kinds = {
        "flaky test": flaky,
        "PASS_TO_PASS test": [
            n
            for n, after in after_outcomes.items()
            if _always_passes(after) and _always_passes(before_outcomes[n])
        ],
        "failing test": [
            n for n, after in after_outcomes.items() if all(o in FAILING for o in after)
        ],
        "skipped test": [
            n for n, after in after_outcomes.items() if set(after) == {Outcome.SKIPPED}
        ],
    }
    parts = [_count_with_examples(names, noun) for noun, names in kinds.items() if names]
    return Rejection(stage="validate", reason=NO_FAIL_TO_PASS, detail="; ".join(parts))


def _count_with_examples(node_ids: Sequence[str], noun: str) -> str:
    first, _, rest = noun.partition(" test")
    plural = "" if len(node_ids) == 1 else "s"
    return f"{len(node_ids):,} {first} test{plural}{rest}, e.g. {', '.join(node_ids[:5])}"


def _rejected_verdict(rejection: Rejection) -> Verdict:
    return Verdict(fail_to_pass=(), pass_to_pass=(), rejection=rejection)


def _outcome_of(run: Run, node_id: str) -> Outcome:
    return run.outcomes.get(node_id, Outcome.MISSING)


def _was_not_reached(before: Sequence[Run], node_id: str) -> bool:
    """Whether a run was stopped at its time limit before it came to this test."""
    return any(run.status == RunStatus.TIMEOUT and node_id not in run.outcomes for run in before)


def _always_passes(outcomes: Sequence[Outcome]) -> bool:
    return bool(outcomes) and all(outcome is Outcome.PASSED for outcome in outcomes)


def _ever_passes(outcomes: Sequence[Outcome]) -> bool:
    return Outcome.PASSED in outcomes


def _is_flaky(outcomes: Sequence[Outcome]) -> bool:
    return _ever_passes(outcomes) and not _always_passes(outcomes)
