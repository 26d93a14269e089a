"""What runs of a certification say, and what a history of them means."""

from dataclasses import replace
from datetime import timedelta

import pytest

from curate.builders.model import Outcome, RunResult, RunStatus
from curate.certification.drift import describe_drift
from curate.certification.judge import EMPTY, decide_result, find_differences
from curate.certification.parser_names import (
    accept_as_swebench,
    describe_names,
    rename_outcomes,
)
from curate.certification.published_rows import PublishedRow
from curate.certification.published_tasks import list_own_images
from curate.certification.sample import parse_share
from curate.core.certification import (
    Certification,
    CertificationResult,
    assess_history,
    find_flaky_tests,
    is_suspect,
)
from curate.core.task import Task
from tests.helpers.factories import MOMENT, make_certification, make_differences, make_validation

FIXED, KEPT, OTHER = "t.py::fixed", "t.py::kept", "u.py::other"
TASK = Task(
    instance_id="a__b-1",
    repo="a/b",
    base_commit="c",
    problem_statement="",
    hints_text="",
    image="i",
    image_digest="",
    gold=b"",
    test_patch=b"",
    test_command="pytest",
    fail_to_pass=(FIXED,),
    pass_to_pass=(KEPT, OTHER),
)
ALL = dict.fromkeys((FIXED, KEPT, OTHER), Outcome.PASSED)
BEFORE = ALL | {FIXED: Outcome.FAILED}


def ran(outcomes: dict[str, Outcome], status: RunStatus = RunStatus.COMPLETED) -> RunResult:
    return RunResult(status=status, outcomes=outcomes)


def without(*names: str) -> dict[str, Outcome]:
    return {name: outcome for name, outcome in ALL.items() if name not in names}


FAILS = ran(ALL | {KEPT: Outcome.FAILED})
TIMED_OUT = ran({}, RunStatus.TIMEOUT)


@pytest.mark.parametrize(
    ("gold", "empty", "expected"),
    [
        ([ran(ALL)] * 3, ran(BEFORE), "certified"),
        ([ran(ALL), FAILS, ran(ALL)], ran(BEFORE), "flaky"),
        ([FAILS] * 3, ran(BEFORE), "failed"),
        ([FAILS, ran(ALL | {OTHER: Outcome.ERROR}), FAILS], ran(BEFORE), "flaky"),
        ([TIMED_OUT, FAILS, TIMED_OUT], ran(BEFORE), "failed"),
        ([TIMED_OUT] * 3, ran(BEFORE), "failed"),
        ([TIMED_OUT, ran(ALL), ran(ALL)], ran(BEFORE), "flaky"),
        ([ran(ALL)] * 3, ran(ALL), "passes-without-patch"),
        ([ran(ALL)] * 3, ran(BEFORE | {KEPT: Outcome.FAILED}), "flaky"),
        ([ran(ALL)] * 3, ran({}), "flaky"),
        ([FAILS] * 3, ran(ALL), "failed"),
    ],
)
def test_results_of_runs(gold: list[RunResult], empty: RunResult, expected: str) -> None:
    runs = [find_differences(TASK, f"gold {n}", it) for n, it in enumerate(gold, 1)]
    assert decide_result(TASK, runs, find_differences(TASK, EMPTY, empty)) == expected


@pytest.mark.parametrize(
    ("result", "tests"),
    [
        (ran(without(KEPT)), [KEPT]),  # others of its file were run
        (ran(without(OTHER)), [""]),  # its file was not collected
        (ran(without(FIXED, KEPT, OTHER)), [""]),
        (ran(without(KEPT), RunStatus.CRASHED), [""]),
        (ran(ALL | {KEPT: Outcome.FAILED}, RunStatus.CRASHED), [KEPT]),
        (ran(ALL, RunStatus.CRASHED), []),
        (ran(ALL, RunStatus.OUT_OF_MEMORY), [""]),
        (ran(ALL | {KEPT: Outcome.XFAILED}), [KEPT]),
    ],
)
def test_what_a_run_did_not_reach_is_no_tests_fault(result: RunResult, tests: list[str]) -> None:
    assert [it.test for it in find_differences(TASK, "gold 1", result)] == tests


def at(day: int, result: str = "certified", *failing: tuple[str, int]) -> Certification:
    """A certification in which each of *failing* failed in so many gold runs."""
    differences = tuple(
        difference
        for test, count in failing
        for difference in make_differences(test, *(f"gold {n}" for n in range(1, count + 1)))
    )
    return make_certification(
        certified_at=MOMENT + timedelta(days=day),
        result=CertificationResult(result),
        differences=differences,
        gold_passes=0 if result == "failed" else 3,
    )


def test_a_flaky_test_stays_flaky_and_a_broken_one_does_not() -> None:
    history = [at(0), at(1, "flaky", (KEPT, 1)), at(2)]
    assert find_flaky_tests(history) == {KEPT}
    assert assess_history(history, [FIXED]).quarantined == (KEPT,)
    broken = [*history, at(3, "failed", (FIXED, 3), (OTHER, 1))]
    assert find_flaky_tests(broken) == {KEPT, OTHER}
    condition = assess_history(broken, [FIXED, "t.py::more"])
    assert (condition.problem.startswith("gold passes in 0 of 3"), condition.passes) == (True, 0)
    recovered = assess_history([*broken, at(4)], [FIXED, "t.py::more"])
    assert (recovered.problem, recovered.quarantined) == ("", (FIXED, KEPT, OTHER))
    assert assess_history([], [FIXED]).certified_at is None


def test_suspects_are_looked_at_again_for_three_nights() -> None:
    bad = [at(day, "failed", (FIXED, 3)) for day in range(5)]
    assert [is_suspect(bad[:count]) for count in range(5)] == [False, True, True, False, False]
    assert not is_suspect([*bad, at(6)]) and is_suspect([*bad, at(6), at(7, "flaky", (KEPT, 1))])


def test_drift_names_what_has_changed() -> None:
    good, bad = at(0), at(30, "failed", (FIXED, 3))
    machine = replace(bad.machine, engine="29.0", kernel="6.2", curate_version="0.2")
    bad = replace(bad, machine=machine, image="sha256:" + "e" * 64)
    (drift,) = describe_drift(bad, good)
    assert drift.changes == (
        "image: sha256:abc -> sha256:eeeeeeeeeeee",
        "curate: 0.1 -> 0.2",
        "engine: 28.0 -> 29.0",
        "kernel: 6.1 -> 6.2",
        "date: 30 days later",
    )
    (drift,) = describe_drift(bad, None, make_validation())
    assert drift.good_source == "validated"
    assert str(drift).endswith("since then date: 30 days later, curate: 0.1 -> 0.2")
    (drift,) = describe_drift(bad, None)
    assert str(drift) == ("owner__name-7: t.py::fixed: failed in 3 of 3 gold runs, expected passed")
    many = at(1, "flaky", *((f"t.py::{n}", 1) for n in range(9)))
    assert [it.test for it in describe_drift(many, good)][-1] == ""
    assert "4 more tests differ" in str(describe_drift(many, good)[-1])


def test_names_are_those_of_log_parsers() -> None:
    outcomes = {
        "t.py::a[x y]": Outcome.PASSED,
        "t.py::a[x z]": Outcome.FAILED,
        "t.py::b": Outcome.PASSED,
    }
    assert rename_outcomes(outcomes) == {"t.py::a[x": Outcome.FAILED, "t.py::b": Outcome.PASSED}
    assert rename_outcomes(outcomes, ["t.py::a[x y]"])["t.py::a[x y]"] is Outcome.PASSED
    assert describe_names(["t.py::a[x", "t.py::b", "test_c (m.C)"]) == (
        "1 test names are not pytest's; 1 test names end at a blank, so several tests may share one"
    )
    found = {"a": Outcome.XFAILED, "b": Outcome.SKIPPED, "c": Outcome.SKIPPED}
    assert accept_as_swebench(found, ["b"]) == {
        "a": Outcome.PASSED,
        "b": Outcome.PASSED,
        "c": Outcome.SKIPPED,
    }


def test_images_have_the_names_of_conventions() -> None:
    row = PublishedRow(
        instance_id="Owner__Name-7",
        repo="Owner/Name",
        base_commit="c",
        fail_to_pass=("t",),
        pass_to_pass=(),
        image="own/image:1",
    )
    assert list_own_images(row, ["xingyaoww", "swebench"]) == (
        "own/image:1",
        "xingyaoww/sweb.eval.x86_64.owner_s_name-7:latest",
        "swebench/sweb.eval.x86_64.owner_1776_name-7:latest",
    )
    assert len(list_own_images(row, ["r.example/mine/"])) == 3


def test_shares_are_read() -> None:
    assert (parse_share("10%"), parse_share("0.25"), parse_share(" 100% ")) == (0.1, 0.25, 1)
