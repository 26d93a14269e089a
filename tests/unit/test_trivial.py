"""Patches that mend nothing are called wrong: none, of test helpers alone, of settings alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from builders.model import BuiltInstance, Outcome, RunResult, RunStatus
from curate.environments.context import ValidationOptions
from curate.patches.ablation import config_only_patch
from curate.store import Store
from curate.validate import attempts
from curate.validate.attempts import CONFIG_ONLY_REJECTION
from curate.validate.runs import run_before_and_after
from curate.validate.verdict import compute_verdict
from tests.helpers.factories import make_candidate, make_validation

NAME = "tests/test_m.py::test_f"


def section(path):
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-1\n+2\n".encode()
    )


TESTS = section("tests/test_m.py")


def shop_of(store, mended_by):
    """A workshop whose only test passes once *mended_by* is patched."""

    def run(built, execution):
        mended = section(mended_by) in b"".join(execution.patches)
        outcome = Outcome.PASSED if mended else Outcome.FAILED
        return RunResult(status=RunStatus.COMPLETED, outcomes={NAME: outcome}, cpu_seconds=1.0)

    return SimpleNamespace(
        store=store,
        backend=SimpleNamespace(run_tests=run),
        stop_event=threading.Event(),
        report_step=lambda name, step: None,
        run_executor=ThreadPoolExecutor(1),
    )


def plan_of(gold, test_patch=TESTS):
    limits = SimpleNamespace(seconds=1, memory_gib=1, tmp_gib=1, shm_mib=1, cpus=1, pids=1)
    return SimpleNamespace(
        candidate=make_candidate(patch=gold, test_patch=test_patch),
        recipe=SimpleNamespace(data_driven_tests=None, paths=SimpleNamespace(tests=(), source=())),
        selection=SimpleNamespace(build_command=lambda *_, **__: "pytest"),
        env=SimpleNamespace(limits=limits),
        env_vars={},
    )


@pytest.fixture
def tried(tmp_path, monkeypatch):
    monkeypatch.setattr(
        attempts, "build_with_fallbacks", lambda plan, ground, lock, ctx: (lock, built)
    )
    monkeypatch.setattr(attempts, "make_environment_record", lambda *_: None)
    built = SimpleNamespace(spec=BuiltInstance, name="n")

    def run(gold, mended_by, test_patch=TESTS, **options):
        with Store(tmp_path) as store:
            ctx = shop_of(store, mended_by)
            blank = make_validation(runs=())
            return attempts.run_attempt(
                plan_of(gold, test_patch), None, None, ValidationOptions(**options), ctx, blank
            )

    return run


@pytest.mark.parametrize("strength", [True, False])
def test_settings_alone_must_not_mend(tried, strength):
    gold = section("m.py") + section("setup.cfg")
    record = tried(gold, "setup.cfg", measure_strength=strength)
    assert record.verdict.rejection == CONFIG_ONLY_REJECTION
    assert record.strength_seconds == 1.0
    assert tried(gold, "m.py", measure_strength=strength).is_verified


def test_source_that_is_all_there_is_costs_no_run(tried):
    assert tried(section("m.py") + section("NEWS.rst"), "m.py").strength_seconds == 0


def test_helpers_alone_are_part_of_every_before_run(tried):
    helper = section("tests/conftest.py")
    record = tried(section("m.py"), "tests/conftest.py", TESTS + helper)
    assert record.verdict.rejection.reason == "no-fail-to-pass"


def test_the_empty_patch_is_the_before_run(tmp_path):
    with Store(tmp_path) as store:
        runs = run_before_and_after(plan_of(section("m.py")), None, shop_of(store, "m.py"), count=2)
    before = [run for run in runs if run.side == "before"]
    assert [run.outcomes[NAME] for run in before] == [Outcome.FAILED] * 2
    assert compute_verdict(before, before).rejection.reason == "no-fail-to-pass"


def test_prose_and_source_are_no_settings():
    gold = b"".join(map(section, ("m.py", "docs/a.rst", "README.md", "tox.ini", "data.txt")))
    rest = config_only_patch(gold, lambda path: path.endswith(".py"))
    assert rest == section("tox.ini") + section("data.txt")
