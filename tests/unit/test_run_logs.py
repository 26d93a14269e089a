"""Which log explains a rejection."""

import pytest

from curate.builders.model import Outcome
from curate.core.model import Rejection, Run
from curate.store.stored_logs import StoredLog, find_explaining_log, list_logs
from tests.helpers.factories import make_validation
from tests.helpers.fakes import not_none

WHY = Rejection(stage="validate", reason="x")


def run(side: str, index: int = 0, status: str = "completed", failing: bool = False) -> Run:
    outcomes = {"t.py::a": Outcome.FAILED if failing else Outcome.PASSED}
    log = f"{side}-{index}"
    return Run(side=side, index=index, status=status, outcomes=outcomes, log=log)


def explaining(*runs: Run) -> str:
    return not_none(find_explaining_log(make_validation(rejection=WHY, runs=runs))).key


def test_a_run_that_did_not_complete_explains_most() -> None:
    assert explaining(run("before"), run("after", status="timeout")) == "after-0"
    assert explaining(run("before", status="tampered"), run("after", failing=True)) == "before-0"


def test_before_the_gold_patch_a_crash_may_be_the_bug_itself() -> None:
    assert explaining(run("before", status="crashed"), run("after", failing=True)) == "after-0"


def test_else_a_run_after_the_gold_patch_in_which_a_test_fails() -> None:
    runs = run("before", failing=True), run("after"), run("after", 1, failing=True)
    assert explaining(*runs) == "after-1"
    assert explaining(run("before", failing=True), run("after")) == "after-0"


def test_without_runs_the_lock_or_build_that_failed() -> None:
    record = make_validation(
        rejection=WHY, runs=(), attempts=("base: x", "gold: y"), attempt_logs=("", "key")
    )
    expected = StoredLog(title="attempt 2, gold: y", key="key", command="--build")
    assert list_logs(record) == [expected]
    assert find_explaining_log(record) == expected


@pytest.mark.parametrize("rejection", [None, WHY])
def test_nothing_to_explain(rejection: Rejection | None) -> None:
    assert find_explaining_log(make_validation(rejection=rejection, runs=())) is None
