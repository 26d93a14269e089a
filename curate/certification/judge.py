"""What the runs of a certification say; pure functions of their results."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from curate.builders.model import Outcome, RunResult, RunStatus
from curate.core.certification import CertificationResult, TestDifference
from curate.core.task import Task

_COUNTED = frozenset({RunStatus.COMPLETED, RunStatus.CRASHED})
_ENDED = frozenset({RunStatus.COMPLETED})
EMPTY = "empty"
_NOT_RUN = "not all tests were run"


def find_differences(task: Task, run: str, result: RunResult) -> tuple[TestDifference, ...]:
    """Return what *result* has otherwise than *task* promises; *run* is "gold N" or "empty".

    A run that did not get to its end, or to a file, says nothing of the tests there, so it is one
    difference as a whole. In the empty run, FAIL_TO_PASS tests must do anything but pass.
    """
    whole = _differ("", run, str(RunStatus.COMPLETED), str(result.status))
    if result.status not in _COUNTED:
        return (whole,)
    found = tuple(_compare(task, run, result.outcomes))
    seen = {name.partition("::")[0] for name in result.outcomes}
    reached = tuple(it for it in found if _was_reached(it, result.status, seen))
    if len(reached) == len(found):
        return found
    return (*reached, replace(whole, got=_NOT_RUN if result.status in _ENDED else whole.got))


def _was_reached(one: TestDifference, status: RunStatus, files: Collection[str]) -> bool:
    """Whether the run came to the test: not if it crashed before, or its file was not collected."""
    if one.got != str(Outcome.MISSING):
        return True
    return status in _ENDED and one.test.partition("::")[0] in files


def _compare(task: Task, run: str, outcomes: Mapping[str, Outcome]) -> Iterator[TestDifference]:
    for test in task.fail_to_pass:
        got = outcomes.get(test, Outcome.MISSING)
        if run == EMPTY and got is Outcome.PASSED:
            yield _differ(test, run, "not passed", str(got))
        elif run != EMPTY and got is not Outcome.PASSED:
            yield _differ(test, run, str(Outcome.PASSED), str(got))
    for test in task.pass_to_pass:
        got = outcomes.get(test, Outcome.MISSING)
        if got is not Outcome.PASSED:
            yield _differ(test, run, str(Outcome.PASSED), str(got))


def decide_result(
    task: Task, gold: Sequence[Sequence[TestDifference]], empty: Sequence[TestDifference]
) -> CertificationResult:
    """Return the result from the differences of each run.

    Gold fails if every run fails, with at least one test that fails in all of them, or no run
    that got to its end. Else tests that differ are flaky.
    """
    if all(gold) and gold and _fail_alike(gold):
        return CertificationResult.FAILED
    passing = {it.test for it in empty if it.test and it.expected != str(Outcome.PASSED)}
    if task.fail_to_pass and passing.issuperset(task.fail_to_pass):
        return CertificationResult.PASSES_WITHOUT_PATCH
    return CertificationResult.FLAKY if any(gold) or empty else CertificationResult.CERTIFIED


def _fail_alike(gold: Sequence[Sequence[TestDifference]]) -> bool:
    """Whether a test fails in all runs that say something of tests, if there are any."""
    tests = [frozenset(it.test for it in run) for run in gold if all(it.test for it in run)]
    return not tests or bool(frozenset.intersection(*tests))


def _differ(test: str, run: str, expected: str, got: str) -> TestDifference:
    return TestDifference(test=test, run=run, expected=expected, got=got)


def describe_result(result: CertificationResult, differences: Sequence[TestDifference]) -> str:
    """Return the tests that differ as one line; "" if there are none."""
    tests = list(dict.fromkeys(it.test or f"{it.run}: {it.got}" for it in differences))
    if not tests:
        return ""
    more = f" and {len(tests) - 3:,} more" if len(tests) > 3 else ""
    verb = {CertificationResult.FAILED: "fails", CertificationResult.FLAKY: "flaky"}.get(result, "")
    return f"{verb}: {', '.join(tests[:3])}{more}".removeprefix(": ")
