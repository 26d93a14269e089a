"""In which orders and with which hash seeds the runs of a validation are made."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curate.builders.errors import SandboxError
from curate.builders.model import Outcome, RunResult, RunSpec, RunStatus
from curate.store import Store
from curate.validate.runs import run_before_and_after
from curate.validate.verdict import compute_verdict
from tests.helpers.fakes import BUILT, expect, fake_run_context, not_none
from tests.unit.test_trivial_patches import TESTS, plan_of, section

SPOILER, VICTIM = "tests/test_a.py::test_fixed", "tests/test_b.py::test_near"


def spoiling(plan: Any, store: Store, commands: list[tuple[str, str]]) -> Any:
    """A context in which a failing test breaks the next file's, if its own comes first."""

    def run(built: object, execution: RunSpec) -> RunResult:
        commands.append((execution.command, execution.env_vars["PYTHONHASHSEED"]))
        fixed = plan.candidate.patch in execution.patches
        harmed = not fixed and execution.command == "a b"
        results = {SPOILER: fixed, VICTIM: not harmed}
        return RunResult(
            status=RunStatus.COMPLETED,
            outcomes={n: Outcome.PASSED if ok else Outcome.FAILED for n, ok in results.items()},
        )

    return fake_run_context(store, run)


def planned() -> Any:
    plan = plan_of(section("m.py"), TESTS)
    plan.selection.build_command = lambda *_, reverse_files: "b a" if reverse_files else "a b"
    return plan


def test_only_after_runs_change_the_order_and_all_the_seed(tmp_path: Path) -> None:
    plan = planned()
    commands: list[tuple[str, str]] = []
    with Store(tmp_path) as store:
        run_before_and_after(plan, BUILT, spoiling(plan, store, commands), count=3)
    after, before = commands[::2], commands[1::2]
    assert after == [("a b", "0"), ("b a", "1"), ("a b", "2")]
    assert before == [("a b", "0"), ("a b", "1"), ("a b", "2")]


def test_what_only_gold_keeps_from_harm_is_fail_to_pass(tmp_path: Path) -> None:
    plan = planned()
    with Store(tmp_path) as store:
        runs = run_before_and_after(plan, BUILT, spoiling(plan, store, []), count=3)
    sides = [[run for run in runs if run.side == side] for side in ("before", "after")]
    verdict = compute_verdict(*sides)
    assert (verdict.fail_to_pass, verdict.flaky_tests) == ((SPOILER, VICTIM), ())


def test_after_the_first_pair_both_sides_run_beside_each_other_if_there_is_room(
    tmp_path: Path,
) -> None:
    plan, both = planned(), threading.Barrier(2, timeout=30)
    with Store(tmp_path) as store, ThreadPoolExecutor(2) as sandboxes:
        ctx = replace(spoiling(plan, store, []), run_executor=sandboxes)
        run = ctx.backend.run_tests
        first_pair = [True, True]

        def meet(*call: Any) -> Any:
            if first_pair:
                first_pair.pop()
            else:
                both.wait()
            return run(*call)

        ctx.backend.run_tests = meet
        runs = run_before_and_after(plan, BUILT, ctx, count=2)
    told = [(run.side, run.index) for run in runs]
    assert told == [("before", 0), ("after", 0), ("before", 1), ("after", 1)]


def test_no_run_is_left_under_way_by_one_that_fails(tmp_path: Path) -> None:
    plan, slow = planned(), threading.Event()
    ended: list[RunResult] = []
    with Store(tmp_path) as store, ThreadPoolExecutor(2) as sandboxes:
        ctx = replace(spoiling(plan, store, []), run_executor=sandboxes)
        run = ctx.backend.run_tests

        def gone(built: object, execution: RunSpec) -> RunResult:
            if execution.env_vars["PYTHONHASHSEED"] == "0":
                return expect(RunResult, run(built, execution))
            if plan.candidate.patch in execution.patches:
                slow.set()
                raise SandboxError("gone")
            slow.wait(30)
            time.sleep(0.2)
            ended.append(run(built, execution))
            return ended[0]

        ctx.backend.run_tests = gone
        with pytest.raises(SandboxError, match="gone"):
            run_before_and_after(plan, BUILT, ctx, count=2)
        assert len(ended) == 1


def limits_of_runs(store: Store, results: dict[tuple[bool, str], RunResult], count: int) -> Any:
    """Run tests that give *results* by (patched, seed); the runs, and the limits of each."""
    plan = planned()
    seen: dict[tuple[bool, str], RunSpec] = {}

    def run(built: object, execution: RunSpec) -> RunResult:
        key = plan.candidate.patch in execution.patches, execution.env_vars["PYTHONHASHSEED"]
        seen[key] = execution
        return results.get(key) or results[key[0], "0"]

    return run_before_and_after(plan, BUILT, fake_run_context(store, run), count=count), seen


def result(
    status: RunStatus, seconds: float = 1.0, slowest: float = 0.5, **names: bool
) -> RunResult:
    return RunResult(
        status=status,
        seconds=seconds,
        slowest_test_seconds=slowest,
        outcomes={n: Outcome.PASSED if ok else Outcome.FAILED for n, ok in names.items()},
    )


WHOLE, STOPPED = RunStatus.COMPLETED, RunStatus.TIMEOUT


def test_what_gold_took_bounds_the_time_of_the_others(tmp_path: Path) -> None:
    results = {(True, "0"): result(WHOLE, 50, 11, a=True), (False, "0"): result(WHOLE, a=False)}
    with Store(tmp_path) as store:
        _, seen = limits_of_runs(store, results, 3)
    first, *others = [it.limits for it in seen.values()]
    assert (first.seconds, first.test_seconds) == (480, 60)
    assert {(it.seconds, it.test_seconds) for it in others} == {(150, 55)}


def test_bounds_have_a_minimum_and_never_exceed_the_recipes(tmp_path: Path) -> None:
    bounds = ((1, 0.1, (120, 20)), (30, 0.1, (120, 30)), (470, 50, (480, 60)))
    for seconds, slowest, expected in bounds:
        after = result(WHOLE, seconds, slowest, a=True)
        with Store(tmp_path / str(seconds)) as store:  # runs that are stored are not repeated
            _, seen = limits_of_runs(
                store, {(True, "0"): after, (False, "0"): result(WHOLE, a=False)}, 1
            )
        limits = seen[False, "0"].limits
        assert (limits.seconds, limits.test_seconds) == expected


@pytest.mark.parametrize("status", [STOPPED, RunStatus.OUT_OF_MEMORY, RunStatus.OUT_OF_PIDS])
def test_a_run_with_gold_that_reaches_a_limit_is_the_only_one(
    status: RunStatus, tmp_path: Path
) -> None:
    with Store(tmp_path) as store:
        runs, _ = limits_of_runs(store, {(True, "0"): result(status, a=True)}, 3)
    assert [(run.side, run.index) for run in runs] == [("after", 0)]
    rejection = not_none(compute_verdict([], runs).rejection)
    assert rejection.reason == status and rejection.detail.startswith("post-patch run 1: ")


def test_a_run_that_is_stopped_without_gold_is_not_repeated(tmp_path: Path) -> None:
    results = {
        (True, "0"): result(WHOLE, a=True, b=True),
        (False, "0"): result(STOPPED, a=False),
    }
    with Store(tmp_path) as store:
        runs, _ = limits_of_runs(store, results, 3)
    assert [run.side for run in runs] == ["before", "after", "after", "after"]
    verdict = compute_verdict([runs[0]], runs[1:])
    assert (verdict.fail_to_pass, verdict.pass_to_pass) == (("a",), ())


def test_a_finished_run_is_not_repeated_by_the_next_call(tmp_path: Path) -> None:
    plan = planned()
    first, again = list[tuple[str, str]](), list[tuple[str, str]]()
    with Store(tmp_path) as store:
        runs = run_before_and_after(plan, BUILT, spoiling(plan, store, first), count=2)
        assert run_before_and_after(plan, BUILT, spoiling(plan, store, again), count=2) == runs
        assert (len(first), len(again)) == (4, 0)
        other = replace(BUILT, digest="sha256:def")
        run_before_and_after(plan, other, spoiling(plan, store, again), count=3)
    assert len(again) == 6, "runs of another image are others"


def test_a_run_that_was_killed_with_its_call_is_repeated(tmp_path: Path) -> None:
    plan, ran = planned(), list[tuple[str, str]]()
    with Store(tmp_path) as store:
        ctx = spoiling(plan, store, [])
        ctx.abort_event.set()
        run_before_and_after(plan, BUILT, ctx, count=1)
        run_before_and_after(plan, BUILT, spoiling(plan, store, ran), count=1)
    assert len(ran) == 2
