"""Instances are certified in the local sandbox: gold three times, no patch once."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from curate.certification.known import read_known
from curate.certification.run import CertificationOptions, CertificationSummary, certify_instances
from curate.core.certification import CertificationResult
from curate.core.settings import Settings
from curate.environments.tasks import StoredTasks
from curate.store import Store
from tests.helpers.local_task import NEW_TEST, TESTS, LocalTask, diff_of, make_local_task

ID = "owner__name-7"
FIXED, KEPT = "tests/test_birds.py::test_double", "tests/test_birds.py::test_name"
NIGHT = datetime(2026, 3, 1, 2, tzinfo=UTC)
Certify = Callable[..., CertificationSummary]


@pytest.fixture
def local(tmp_path: Path) -> LocalTask:
    return make_local_task(tmp_path)


@pytest.fixture
def certify(tmp_path: Path) -> Certify:
    def run(local: LocalTask, night: int = 0, **changes: object) -> CertificationSummary:
        local.save(tmp_path / "data")
        settings = Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
        options = CertificationOptions(
            sandbox="local", now=lambda: NIGHT + timedelta(days=night), gold_runs=2
        )
        with Store(settings.data_dir) as store:
            source = StoredTasks(store=store)
            return certify_instances(
                (ID,),
                source,
                store,
                settings,
                replace(options, **changes),  # type: ignore[arg-type]
            )

    return run


def with_tests(local: LocalTask, tests: str) -> LocalTask:
    """The same instance with *tests* after the test patch."""
    patch = diff_of(local.checkout, {"tests/test_birds.py": tests})
    return replace(local, candidate=replace(local.candidate, test_patch=patch))


def test_what_is_as_promised_is_certified_and_known(local: LocalTask, certify: Certify) -> None:
    summary = certify(local)
    (one,) = summary.results.values()
    assert (one.result, one.gold_passes, one.gold_runs) == ("certified", 2, 2)
    assert (one.empty_result, one.differences, one.log) == ("tests-failed", (), "")
    assert (one.certified_at, one.is_pulled, one.image) == (NIGHT, False, local.built.handle)
    assert one.machine.sandbox == "local" and one.machine.kernel and one.machine.architecture
    again = certify(local)
    assert (again.known, again.results) == (1, summary.results)


def test_a_test_that_fails_in_some_runs_is_flaky(
    local: LocalTask, certify: Certify, tmp_path: Path
) -> None:
    counter = tmp_path / "count"
    counter.write_text("0")
    flaky = TESTS.replace(
        "    assert name",
        f"    from pathlib import Path\n    file = Path({str(counter)!r})\n"
        "    count = int(file.read_text()) + 1\n    file.write_text(str(count))\n"
        "    assert count != 2\n    assert name",
    )
    summary = certify(with_tests(local, flaky + NEW_TEST))
    one = summary.results[ID]
    assert (one.result, one.gold_passes) == (CertificationResult.FLAKY, 1)
    (difference,) = one.differences
    assert (difference.test, difference.run) == (KEPT, "gold 2")
    assert (difference.expected, difference.got) == ("passed", "failed")
    later = certify(with_tests(local, flaky + NEW_TEST), night=1)  # without the flaky test
    assert later.results[ID].is_good
    with Store(tmp_path / "data") as store:
        assert [it.result for it in store.certifications.history(ID)] == ["flaky", "certified"]
        assert b"assert count != 2" in store.blobs.get(one.log)


def test_gold_that_fails_since_a_date_is_failed_and_compared(
    local: LocalTask, certify: Certify, tmp_path: Path
) -> None:
    bomb = tmp_path / "bomb"
    tests = NEW_TEST + f"    import os\n    assert not os.path.exists({str(bomb)!r})\n"
    local = with_tests(local, TESTS + tests)
    assert certify(local).results[ID].is_good
    bomb.touch()
    for night in (1, 2):
        summary = certify(local, night)
        one = summary.results[ID]
        assert (one.result, one.gold_passes) == (CertificationResult.FAILED, 0)
        assert {it.test for it in one.differences} == {FIXED}
        assert summary.previous[ID].certified_at == NIGHT
    with Store(tmp_path / "data") as store:
        known = read_known(StoredTasks(store=store), store)
        assert known.last == {ID: NIGHT + timedelta(days=2)} and known.suspects == {ID}
    bomb.unlink()
    assert certify(local, 3).results[ID].is_good


def test_tests_that_pass_without_the_patch_are_told(local: LocalTask, certify: Certify) -> None:
    weak = with_tests(local, TESTS + NEW_TEST.replace("== 4", "in (2, 4)"))
    one = certify(weak).results[ID]
    assert (one.result, one.gold_passes) == (CertificationResult.PASSES_WITHOUT_PATCH, 2)
    assert (one.empty_result, one.differences[0].expected) == ("resolved", "not passed")


def test_after_the_deadline_nothing_begins(local: LocalTask, certify: Certify) -> None:
    summary = certify(local, deadline=time.monotonic())
    assert (summary.left, summary.results, summary.errors) == ((ID,), {}, {})
    assert certify(local).results[ID].is_good


def test_a_machine_that_fails_is_no_result(local: LocalTask, certify: Certify) -> None:
    assert local.validation.environment is not None
    gone = replace(local.validation.environment, handle="/nowhere")
    broken = replace(local, validation=replace(local.validation, environment=gone))
    summary = certify(broken)
    assert "was not built by the local sandbox" in summary.errors[ID]
    assert summary.results == {} and certify(local).results[ID].is_good


@pytest.mark.heavy
def test_a_slow_machine_makes_no_test_flaky(local: LocalTask, certify: Certify) -> None:
    """A run that hits a time limit is repeated with more of it."""
    environment = local.validation.environment
    assert environment is not None
    hasty = replace(environment, test_seconds=0.5)
    slow = with_tests(local, TESTS + NEW_TEST + "    __import__('time').sleep(0.9)\n")
    slow = replace(slow, validation=replace(slow.validation, environment=hasty))
    assert certify(slow, gold_runs=1).results[ID].is_good
