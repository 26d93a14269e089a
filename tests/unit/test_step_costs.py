"""The ledger of what validations cost."""

from curate.report.step_costs import COSTLIEST, CostCounts
from curate.report.validation_facts import ValidationFacts


def make_facts(run_seconds: float, *, is_verified: bool = True) -> ValidationFacts:
    return ValidationFacts(
        is_verified=is_verified,
        lock_seconds=1,
        environment_seconds=2,
        checkout_seconds=3,
        run_seconds=run_seconds,
        strength_seconds=4,
    )


def test_seconds_add_up_by_step() -> None:
    counts = CostCounts()
    counts.add("a__b-1", make_facts(10))
    counts.add("a__b-2", make_facts(20, is_verified=False))
    assert counts.seconds == {
        "lock_seconds": 2,
        "environment_seconds": 4,
        "checkout_seconds": 6,
        "run_seconds": 30,
        "strength_seconds": 8,
    }
    assert (counts.attempted, counts.verified, counts.total) == (2, 1, 50)
    assert counts.hours_each == 50 / 3600


def test_none_verified_has_no_hours_each() -> None:
    counts = CostCounts()
    counts.add("a__b-1", make_facts(10, is_verified=False))
    assert counts.hours_each is None


def test_the_costliest_do_not_depend_on_the_order() -> None:
    entries = [(f"a__b-{number}", make_facts(number % 4)) for number in range(3 * COSTLIEST)]
    forth, back = CostCounts(), CostCounts()
    for name, facts in entries:
        forth.add(name, facts)
    for name, facts in reversed(entries):
        back.add(name, facts)
    assert forth.costliest == back.costliest
    assert [it.total for it in forth.costliest] == [13, 13, 13, 12, 12]
    assert len(forth.costliest) == COSTLIEST
