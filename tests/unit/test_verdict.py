from dataclasses import replace

import pytest

from curate.builders.model import Outcome, RunStatus
from curate.core.model import Run, Verdict
from curate.validate.verdict import cannot_verify, compute_verdict

LETTERS = {
    "p": Outcome.PASSED,
    "f": Outcome.FAILED,
    "e": Outcome.ERROR,
    "s": Outcome.SKIPPED,
    "x": Outcome.XFAILED,
}


STOPPED_AT_ONCE = Run(side="before", index=0, status=RunStatus.TIMEOUT, outcomes={})


def runs(side: str, table: dict[str, str], status: RunStatus = RunStatus.COMPLETED) -> list[Run]:
    """Runs of one side; a table of test id -> one letter a run, "-" for missing."""
    count = max(len(row) for row in table.values())
    return [
        Run(
            side=side,
            index=n,
            status=status,
            outcomes={name: LETTERS[row[n]] for name, row in table.items() if row[n] != "-"},
        )
        for n in range(count)
    ]


def verdict(before: dict[str, str], after: dict[str, str]) -> Verdict:
    return compute_verdict(runs("before", before), runs("after", after))


@pytest.mark.parametrize("state", ["fff", "eee", "---", "f-e", "sss", "xxx"])
def test_any_before_but_a_pass_makes_fail_to_pass(state: str) -> None:
    found = verdict({"t::a": state, "t::b": "ppp"}, {"t::a": "ppp", "t::b": "ppp"})
    assert found.rejection is None
    assert found.fail_to_pass == ("t::a",)
    assert found.pass_to_pass == ("t::b",)
    assert found.pre_fix_outcomes == {"t::a": LETTERS.get(state[0], Outcome.MISSING)}


def test_one_wavering_run_quarantines() -> None:
    found = verdict(
        {"t::a": "fff", "t::b": "pfp", "t::c": "fff"}, {"t::a": "ppp", "t::b": "ppp", "t::c": "ppf"}
    )
    assert found.fail_to_pass == ("t::a",)
    assert found.flaky_tests == ("t::b", "t::c")
    assert found.pass_to_pass == ()


def test_a_test_that_gold_fixes_in_some_runs_is_flaky() -> None:
    found = verdict({"t::a": "fff", "t::b": "ppp"}, {"t::a": "pfp", "t::b": "ppp"})
    assert found.rejection and found.rejection.reason == "flaky-tests"
    assert found.rejection.detail == "1 flaky test, e.g. t::a"


@pytest.mark.parametrize(
    ("before", "after"), [("pfp", "ppp"), ("ppp", "fpp"), ("pfp", "fpp"), ("pfp", "fff")]
)
def test_another_flaky_test_is_not_why_nothing_is_fixed(before: str, after: str) -> None:
    found = verdict({"t::a": before, "t::b": "ppp"}, {"t::a": after, "t::b": "ppp"})
    assert found.rejection and found.rejection.reason == "no-fail-to-pass"
    assert found.rejection.detail.startswith(
        "1 flaky test, e.g. t::a; 1 PASS_TO_PASS test, e.g. t::b"
    )


def test_nothing_fixed() -> None:
    found = verdict({"t::a": "ppp", "t::b": "fff"}, {"t::a": "ppp", "t::b": "fff"})
    assert found.rejection and found.rejection.reason == "no-fail-to-pass"
    assert found.rejection.detail == "1 PASS_TO_PASS test, e.g. t::a; 1 failing test, e.g. t::b"


def test_tests_that_are_all_skipped_are_told() -> None:
    found = verdict({"t::a": "sss", "t::b": "sss"}, {"t::a": "sss", "t::b": "sss"})
    assert found.rejection and found.rejection.reason == "no-fail-to-pass"
    assert found.rejection.detail == "2 skipped tests, e.g. t::a, t::b"


def test_gold_that_breaks_a_test_is_rejected_and_says_which() -> None:
    found = verdict({"t::a": "fff", "t::b": "ppp"}, {"t::a": "ppp", "t::b": "fef"})
    assert found.rejection and found.rejection.reason == "pass-to-fail"
    assert "t::b" in found.rejection.detail


def test_a_collection_error_after_gold_is_the_environments() -> None:
    found = verdict({"t.py": "eee", "u::a": "fff"}, {"t.py": "eee", "u::a": "ppp"})
    assert found.rejection and found.rejection.stage == "collect"
    assert found.rejection.detail == "t.py"


def test_a_file_that_gold_breaks_is_told_apart() -> None:
    found = verdict({"t.py::a": "ppp", "u::a": "fff"}, {"t.py": "eee", "u::a": "ppp"})
    assert found.rejection and found.rejection.stage == "collect"
    assert found.rejection.detail == "t.py (collected before the gold patch)"


def test_a_run_that_did_not_complete_is_named() -> None:
    failed = replace(runs("after", {"t::a": "p"}, RunStatus.CRASHED)[0], detail="it died")
    found = compute_verdict(runs("before", {"t::a": "f"}), [failed])
    assert found.rejection and found.rejection.detail == "post-patch run 1: it died"


def test_a_file_that_does_not_import_before_gives_fail_to_pass() -> None:
    found = verdict({"t.py": "eee"}, {"t.py": "---", "t.py::a": "ppp"})
    assert found.fail_to_pass == ("t.py::a",)
    assert found.pre_fix_outcomes == {"t.py::a": Outcome.MISSING}


@pytest.mark.parametrize("status", [s for s in RunStatus if s is not RunStatus.COMPLETED])
def test_an_after_run_that_did_not_complete_rejects(status: RunStatus) -> None:
    before, after = runs("before", {"t::a": "f"}), runs("after", {"t::a": "p"}, status)
    found = compute_verdict(before, after)
    assert found.rejection and found.rejection.reason == str(status)
    assert found.fail_to_pass == ()


@pytest.mark.parametrize("status", [RunStatus.CRASHED, RunStatus.TIMEOUT])
def test_a_crash_before_may_be_the_defect(status: RunStatus) -> None:
    found = compute_verdict(runs("before", {"t::a": "f"}, status), runs("after", {"t::a": "p"}))
    assert found.rejection is None


def test_tests_that_a_stopped_run_did_not_reach_are_in_no_list() -> None:
    after = runs("after", {"t::a": "p", "t::b": "p"})
    found = compute_verdict(runs("before", {"t::a": "f"}, RunStatus.TIMEOUT), after)
    assert (found.fail_to_pass, found.pass_to_pass) == (("t::a",), ())
    found = compute_verdict([STOPPED_AT_ONCE], after)
    assert found.rejection and found.rejection.reason == "timeout"
    assert found.rejection.detail.startswith("pre-patch run 1: ")


OTHER_ENDS = [
    *(RunStatus.PATCH_FAILED, RunStatus.TAMPERED),
    *(RunStatus.OUT_OF_MEMORY, RunStatus.OUT_OF_PIDS, RunStatus.OUT_OF_DISK),
]


@pytest.mark.parametrize("status", OTHER_ENDS)
def test_other_ends_before_reject(status: RunStatus) -> None:
    found = compute_verdict(runs("before", {"t::a": "f"}, status), runs("after", {"t::a": "p"}))
    assert found.rejection and found.rejection.reason == str(status)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("f", "p", False), ("p", "p", True), ("p", "f", False), ("f", "f", True), ("s", "p", False)],
)
def test_one_pair_shows_when_more_runs_are_in_vain(before: str, after: str, expected: bool) -> None:
    pair = runs("before", {"t::a": before})[0], runs("after", {"t::a": after})[0]
    assert cannot_verify(*pair) is expected
