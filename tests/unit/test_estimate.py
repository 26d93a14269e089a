"""The cost of a validation before it is run."""

import re
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest

from curate.core.machine import parallel_runs, usable_cores
from curate.store import Store
from curate.validate import estimate
from tests.helpers.factories import make_validation
from tests.helpers.fakes import not_none

PAGE = Path(__file__).parents[2] / "docs/environments.md"


def test_without_history_the_documented_means_count(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        cost = estimate.estimate_cost(["o/r", "o/r"], store)
    assert (cost.candidates, cost.history) == (2, 0)
    assert cost.work_seconds == 2 * estimate.DEFAULT_WORK_SECONDS
    assert cost.download_bytes == 2 * estimate.DEFAULT_ENVIRONMENT_BYTES


def test_the_documented_means_are_those_of_the_page() -> None:
    cpu_seconds, unique, environments = [], [], {}
    for line in re.findall(r"^\| \S+__\S+-\d+ \|.*$", PAGE.read_text(encoding="utf-8"), re.M):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 21 and cells[12]:
            cpu_seconds.append(float(cells[12]))
            unique.append(float(cells[18]) * 1e6)
            environments[cells[19]] = (float(cells[15]) + float(cells[16])) * 1e6
    assert pytest.approx(mean(cpu_seconds), rel=0.1) == estimate.DEFAULT_WORK_SECONDS
    assert pytest.approx(mean(unique), rel=0.1) == estimate.DEFAULT_UNIQUE_BYTES
    expected = pytest.approx(mean(environments.values()), rel=0.1)
    assert expected == estimate.DEFAULT_ENVIRONMENT_BYTES


def test_a_repository_costs_what_its_validations_cost(tmp_path: Path) -> None:
    environment = not_none(make_validation().environment)
    layers = {"environment": 100, "instance": 4}
    with Store(tmp_path) as store:
        for number, seconds in ((1, 10.0), (2, 30.0)):
            made = replace(environment, layer_bytes=layers, build_seconds=seconds)
            store.save_validation("o/r", make_validation(number, None, environment=made))
        known = estimate.estimate_cost(["o/r"] * 3, store)
        other = estimate.estimate_cost(["x/y"], store)
    assert known.work_seconds == pytest.approx(60)
    assert known.disk_bytes == pytest.approx(3 * (4 + 100 / 2))  # two shared one environment
    assert known.history == 2
    assert other.work_seconds == pytest.approx(20)


def test_as_many_runs_as_cores_and_memory_allow() -> None:
    assert parallel_runs(1) == usable_cores()
    assert parallel_runs(1 << 60) == 1
