"""What work costs on one machine or many."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.validate.measured_costs import CandidateCost, MeasuredCosts
from curate.workflows.capacity_plan import (
    CapacityPlan,
    CrawlCosts,
    Machines,
    Workload,
    make_workload,
    plan_capacity,
)

CHEAP = CandidateCost(
    work_seconds=36,
    elapsed_seconds=72,
    longest_seconds=360,
    environment_bytes=100,
    largest_bytes=1000,
    instance_bytes=10,
    verified_share=0.5,
)
COSTS = MeasuredCosts(
    history=4,
    by_repo={"o/cheap": CHEAP, "o/dear": replace(CHEAP, work_seconds=360)},
    default=CHEAP,
    base_bytes=50,
)
CRAWL = CrawlCosts(
    points_per_pull=0.01, pulls_per_candidate=10, candidates_per_repo=50, mirror_bytes=7
)


def plan(machines: int = 1, **candidates: int) -> CapacityPlan:
    workload = Workload(
        name="some",
        candidates={f"o/{name}": count for name, count in candidates.items()},
        pulls=0,
        repositories=len(candidates),
    )
    return plan_capacity(workload, COSTS, CRAWL, [Machines(count=machines, jobs=2)])


def test_every_repository_costs_its_own() -> None:
    made = plan(cheap=100, dear=100, unknown=100)
    assert made.core_hours == pytest.approx(1 + 10 + 1)
    assert (made.candidates, made.instances, made.repositories) == (300, 150, 3)
    assert (made.api_points, made.mirror_bytes) == (0, 21)


def test_a_machine_holds_what_its_share_needs() -> None:
    one, four = plan(1, cheap=100).machines[0], plan(4, cheap=100).machines[0]
    assert [one.wall_hours, four.wall_hours] == pytest.approx([1, 0.25])
    assert one.disk_bytes == 50 + 7 + 100 * 110
    assert four.disk_bytes == 50 + 7 + 25 * 110
    assert one.least_disk_bytes == four.least_disk_bytes == 50 + 7 + 2 * 1010


def test_no_number_of_machines_ends_before_the_longest_candidate() -> None:
    assert plan(10_000, cheap=100).machines[0].wall_hours == pytest.approx(0.1)


def test_nothing_costs_nothing() -> None:
    made = plan()
    assert (made.core_hours, made.registry_bytes, made.machines[0].wall_hours) == (0, 0, 0)


def test_a_pool_is_crawled_first() -> None:
    made = plan_capacity(make_workload(1000, CRAWL), COSTS, CRAWL, [])
    assert (made.candidates, made.repositories) == (1000, 20)
    assert [made.api_points, made.api_hours] == pytest.approx([100, 0.02])


@given(st.integers(1, 10**6), st.integers(1, 1000), st.integers(1, 1000))
def test_more_machines_are_never_slower_or_fuller(size: int, few: int, more: int) -> None:
    used = [Machines(count=count, jobs=2) for count in (few, few + more)]
    made = plan_capacity(make_workload(size, CRAWL), COSTS, CRAWL, used)
    first, second = made.machines
    assert second.wall_hours <= first.wall_hours
    assert second.least_disk_bytes <= first.least_disk_bytes <= first.disk_bytes
