"""What the runs say of a candidate: a pure function of their outcomes."""

from collections.abc import Sequence

from builders.model import Outcome, RunStatus
from curate.core.model import Rejection, Run, Verdict

BAD = frozenset({Outcome.FAILED, Outcome.ERROR})


def judge(before: Sequence[Run], after: Sequence[Run]) -> Verdict:
    """Judge a candidate by its runs on both sides.

    FAIL_TO_PASS passes in every after-run and in no before-run; PASS_TO_PASS passes in all of
    them; a test that passes in some runs of a side and not in others is quarantined. A test that
    passes in all before-runs and fails in all after-runs rejects the candidate.
    """
    halted = _halted(before, after)
    if halted:
        return _rejected(halted)
    names = sorted({name for run in (*before, *after) for name in run.outcomes})
    olds = {name: [_outcome(run, name) for run in before] for name in names}
    news = {name: [_outcome(run, name) for run in after] for name in names}
    fail_to_pass = tuple(n for n in names if _always(news[n]) and not _ever(olds[n]))
    quarantined = tuple(n for n in names if _wavers(olds[n]) or _wavers(news[n]))
    verdict = Verdict(
        fail_to_pass=fail_to_pass,
        pass_to_pass=tuple(n for n in names if _always(news[n]) and _always(olds[n])),
        quarantined=quarantined,
        before={name: olds[name][0] for name in fail_to_pass},
        rejection=_collection(after) or _broken(names, olds, news) or None,
    )
    if verdict.rejection or fail_to_pass:
        return verdict
    return _rejected(_nothing_fixed(quarantined))


def hopeless(before: Run, after: Run) -> bool:
    """Whether one run on each side already shows that more runs cannot verify the candidate."""
    why = judge([before], [after]).rejection
    if why is None or why.reason == "gold-breaks-tests":
        return False
    return why.reason != "no-fail-to-pass" or before.outcomes == after.outcomes


def _halted(before: Sequence[Run], after: Sequence[Run]) -> Rejection | None:
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


def _collection(after: Sequence[Run]) -> Rejection | None:
    """A file that cannot be collected after gold: the environment is at fault."""
    broken = sorted(
        {n for run in after for n, o in run.outcomes.items() if "::" not in n and o in BAD}
    )
    if broken:
        return Rejection(stage="collect", reason="collection-error", detail=", ".join(broken))
    if not any(run.outcomes for run in after):
        return Rejection(stage="collect", reason="no-tests-collected")
    return None


def _broken(
    names: Sequence[str], olds: dict[str, list[Outcome]], news: dict[str, list[Outcome]]
) -> Rejection | None:
    lost = [n for n in names if _always(olds[n]) and all(o in BAD for o in news[n])]
    if not lost:
        return None
    return Rejection(
        stage="validate",
        reason="gold-breaks-tests",
        detail=f"{len(lost)} tests, among them {', '.join(lost[:5])}",
    )


def _nothing_fixed(quarantined: Sequence[str]) -> Rejection:
    if quarantined:
        detail = f"{len(quarantined)} tests waver, among them {', '.join(quarantined[:5])}"
        return Rejection(stage="validate", reason="flaky", detail=detail)
    return Rejection(stage="validate", reason="no-fail-to-pass")


def _rejected(why: Rejection) -> Verdict:
    return Verdict(fail_to_pass=(), pass_to_pass=(), rejection=why)


def _outcome(run: Run, name: str) -> Outcome:
    return run.outcomes.get(name, Outcome.MISSING)


def _always(outcomes: Sequence[Outcome]) -> bool:
    return bool(outcomes) and all(outcome is Outcome.PASSED for outcome in outcomes)


def _ever(outcomes: Sequence[Outcome]) -> bool:
    return Outcome.PASSED in outcomes


def _wavers(outcomes: Sequence[Outcome]) -> bool:
    return _ever(outcomes) and not _always(outcomes)
