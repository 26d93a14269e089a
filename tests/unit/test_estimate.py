"""The cost of a validation before it is run."""

import re
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest

from curate.core.machine import parallel_runs, usable_cores
from curate.core.model import CrawlState
from curate.store import Store
from curate.validate.estimate import estimate_cost
from curate.validate.measured_costs import ENVIRONMENT_BYTES, CandidateCost, read_measured_costs
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.fakes import not_none

REPO = "owner/name"
PAGE = Path(__file__).parents[2] / "docs/environments.md"


def test_without_history_the_documented_means_count(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        cost = estimate_cost(["o/r", "o/r"], store)
    assert (cost.candidates, cost.history) == (2, 0)
    assert cost.work_seconds == 2 * CandidateCost.work_seconds
    assert cost.download_bytes == 2 * CandidateCost.environment_bytes


def test_the_documented_means_are_those_of_the_page() -> None:
    cpu_seconds, elapsed, unique, environments, shared = [], [], [], {}, []
    for line in re.findall(r"^\| \S+__\S+-\d+ \|.*$", PAGE.read_text(encoding="utf-8"), re.M):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 21 and cells[12]:
            cpu_seconds.append(float(cells[12]))
            elapsed.append(sum(float(cell.split()[0]) for cell in (*cells[8:10], cells[11])))
            shared.append(sum(map(float, cells[15:18])) * 1e6)
            unique.append(float(cells[18]) * 1e6)
            environments[cells[19]] = (float(cells[15]) + float(cells[16])) * 1e6
    assert pytest.approx(mean(cpu_seconds), rel=0.1) == CandidateCost.work_seconds
    assert pytest.approx(mean(unique), rel=0.1) == CandidateCost.instance_bytes
    expected = pytest.approx(mean(environments.values()), rel=0.1)
    assert expected == ENVIRONMENT_BYTES
    assert pytest.approx(mean(elapsed), rel=0.1) == CandidateCost.elapsed_seconds
    assert pytest.approx(max(elapsed), rel=0.1) == CandidateCost.longest_seconds
    assert pytest.approx(max(shared), rel=0.1) == CandidateCost.largest_bytes


def fill(store: Store, layers: dict[str, int], *seconds: float) -> None:
    """Validate one candidate for each of *seconds* of work, all in one environment."""
    environment = not_none(make_validation().environment)
    for number, work in enumerate(seconds, 1):
        store.save_page(REPO, [make_pull(number, repo=REPO)], CrawlState())
        store.save_candidate(make_candidate(number))
        made = replace(environment, layer_bytes=layers, build_seconds=work)
        store.save_validation(REPO, make_validation(number, None, environment=made))


def test_a_repository_costs_what_its_validations_cost(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill(store, {"environment": 100, "instance": 4}, 10, 30)
        known = estimate_cost([REPO] * 3, store)
        other = estimate_cost(["x/y"], store)
    assert known.work_seconds == pytest.approx(60)
    assert known.disk_bytes == pytest.approx(3 * (4 + 100 / 2))  # two shared one environment
    assert known.history == 2
    assert other.work_seconds == pytest.approx(20)


def test_what_validations_tell_is_measured(tmp_path: Path) -> None:
    layers = {"base": 500, "python": 70, "environment": 100, "checkout": 20, "instance": 4}
    with Store(tmp_path) as store:
        fill(store, layers, 10, 30)
        costs = read_measured_costs(store, store.list_funnels())
    cost = costs.get(REPO)
    assert (costs.history, costs.base_bytes) == (2, 570)
    assert (cost.environment_bytes, cost.largest_bytes, cost.verified_share) == (60, 120, 1)
    assert costs.get("x/y") == cost, "an unknown repository costs the mean"


def test_as_many_runs_as_cores_and_memory_allow() -> None:
    assert parallel_runs(1) == usable_cores()
    assert parallel_runs(1 << 60) == 1
