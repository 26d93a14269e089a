"""In which orders and with which hash seeds the runs of a validation are made."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from curate.builders.errors import SandboxError
from curate.builders.model import Outcome, RunResult, RunSpec, RunStatus
from curate.store import Store
from curate.validate.runs import run_before_and_after
from curate.validate.verdict import compute_verdict
from tests.helpers.fakes import UNUSED, fake_run_context
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
        run_before_and_after(plan, UNUSED, spoiling(plan, store, commands), count=3)
    after, before = commands[::2], commands[1::2]
    assert after == [("a b", "0"), ("b a", "1"), ("a b", "2")]
    assert before == [("a b", "0"), ("a b", "1"), ("a b", "2")]


def test_what_only_gold_keeps_from_harm_is_fail_to_pass(tmp_path: Path) -> None:
    plan = planned()
    with Store(tmp_path) as store:
        runs = run_before_and_after(plan, UNUSED, spoiling(plan, store, []), count=3)
    sides = [[run for run in runs if run.side == side] for side in ("before", "after")]
    verdict = compute_verdict(*sides)
    assert (verdict.fail_to_pass, verdict.flaky_tests) == ((SPOILER, VICTIM), ())


def test_both_sides_run_beside_each_other_if_there_is_room(tmp_path: Path) -> None:
    plan, both = planned(), threading.Barrier(2, timeout=30)
    with Store(tmp_path) as store, ThreadPoolExecutor(2) as sandboxes:
        ctx = spoiling(plan, store, [])
        ctx.run_executor, run = sandboxes, ctx.backend.run_tests
        ctx.backend.run_tests = lambda *call: both.wait() in (0, 1) and run(*call)
        runs = run_before_and_after(plan, UNUSED, ctx, count=2)
    told = [(run.side, run.index) for run in runs]
    assert told == [("before", 0), ("after", 0), ("before", 1), ("after", 1)]


def test_no_run_is_left_under_way_by_one_that_fails(tmp_path: Path) -> None:
    plan, slow = planned(), threading.Event()
    ended: list[RunResult] = []
    with Store(tmp_path) as store, ThreadPoolExecutor(2) as sandboxes:
        ctx = spoiling(plan, store, [])
        ctx.run_executor, run = sandboxes, ctx.backend.run_tests

        def gone(built: object, execution: RunSpec) -> RunResult:
            if plan.candidate.patch in execution.patches:
                slow.set()
                raise SandboxError("gone")
            slow.wait(30)
            time.sleep(0.2)
            ended.append(run(built, execution))
            return ended[0]

        ctx.backend.run_tests = gone
        with pytest.raises(SandboxError, match="gone"):
            run_before_and_after(plan, UNUSED, ctx, count=2)
        assert len(ended) == 1
