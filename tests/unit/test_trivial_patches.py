"""Patches that mend nothing are called wrong: none, of test helpers alone, of settings alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import Outcome, RunResult, RunSpec, RunStatus
from curate.core.model import Validation
from curate.environments.context import ValidationOptions
from curate.environments.plan import ValidationPlan
from curate.patches.ablation import config_only_patch
from curate.recipes.schema import EnvRecipe
from curate.store import Store
from curate.validate import attempts
from curate.validate.attempts import CONFIG_ONLY_REJECTION
from curate.validate.runs import run_before_and_after
from curate.validate.verdict import compute_verdict
from tests.helpers.factories import make_candidate, make_validation
from tests.helpers.fakes import BUILT, UNUSED, fake, fake_run_context, not_none

RunAttempt = Callable[..., Validation]


NAME = "tests/test_m.py::test_f"


def section(path: str) -> bytes:
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-1\n+2\n".encode()
    )


TESTS = section("tests/test_m.py")


def context_of(store: Store, mended_by: str) -> Any:
    """A context whose only test passes once *mended_by* is patched."""

    def run(built: object, execution: RunSpec) -> RunResult:
        mended = section(mended_by) in b"".join(execution.patches)
        outcome = Outcome.PASSED if mended else Outcome.FAILED
        return RunResult(status=RunStatus.COMPLETED, outcomes={NAME: outcome}, cpu_seconds=1.0)

    return fake_run_context(store, run)


def plan_of(gold: bytes, test_patch: bytes = TESTS) -> Any:
    return ValidationPlan(
        candidate=make_candidate(patch=gold, test_patch=test_patch),
        recipe=fake(data_driven_tests=None, paths=fake(tests=(), source=())),
        selection=fake(build_command=lambda *_, **__: "pytest", data_files=(), case_names=()),
        env=EnvRecipe(),
        variants=(),
    )


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunAttempt:
    monkeypatch.setattr(
        attempts, "build_with_fallbacks", lambda plan, ground, lock, ctx: (lock, BUILT)
    )
    monkeypatch.setattr(attempts, "make_environment_record", lambda *_: None)

    def run(gold: bytes, mended_by: str, test_patch: bytes = TESTS, **options: Any) -> Validation:
        with Store(tmp_path / mended_by) as store:  # runs that are stored are not repeated
            ctx = context_of(store, mended_by)
            blank = make_validation(runs=())
            return attempts.run_attempt(
                plan_of(gold, test_patch), UNUSED, UNUSED, ValidationOptions(**options), ctx, blank
            )

    return run


@pytest.mark.parametrize("strength", [True, False])
def test_settings_alone_must_not_mend(tried: RunAttempt, strength: bool) -> None:
    gold = section("m.py") + section("setup.cfg")
    record = tried(gold, "setup.cfg", measure_strength=strength)
    assert record.verdict.rejection == CONFIG_ONLY_REJECTION
    assert record.strength_seconds == 1.0
    assert tried(gold, "m.py", measure_strength=strength).is_verified


def test_source_that_is_all_there_is_costs_no_run(tried: RunAttempt) -> None:
    assert tried(section("m.py") + section("NEWS.rst"), "m.py").strength_seconds == 0


def test_helpers_alone_are_part_of_every_before_run(tried: RunAttempt) -> None:
    helper = section("tests/conftest.py")
    record = tried(section("m.py"), "tests/conftest.py", TESTS + helper)
    assert not_none(record.verdict.rejection).reason == "no-fail-to-pass"


def test_the_empty_patch_is_the_before_run(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        runs = run_before_and_after(
            plan_of(section("m.py")), BUILT, context_of(store, "m.py"), count=2
        )
    before = [run for run in runs if run.side == "before"]
    assert [run.outcomes[NAME] for run in before] == [Outcome.FAILED] * 2
    assert not_none(compute_verdict(before, before).rejection).reason == "no-fail-to-pass"


def test_prose_and_source_are_no_settings() -> None:
    gold = b"".join(map(section, ("m.py", "docs/a.rst", "README.md", "tox.ini", "data.txt")))
    rest = config_only_patch(gold, lambda path: path.endswith(".py"))
    assert rest == section("tox.ini") + section("data.txt")
