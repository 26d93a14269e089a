"""`curate status --cost`: what validations cost, of stores with and without any."""

import json
from pathlib import Path

import pytest

from tests.helpers.report_store import fill
from tests.helpers.terminal import typed


@pytest.fixture
def store(tmp_path: Path) -> Path:
    fill(tmp_path / "data")
    return tmp_path


def test_core_hours_by_step_and_what_cost_most(store: Path) -> None:
    done = typed(("status", "--cost"), store, {})
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["locks", "0.01", "3%", "8.0"] in lines
    assert ["test", "runs", "0.40", "92%", "288.0"] in lines
    assert ["owner__name-2", "390", "10", "0", "20", "360", "0"] in lines
    assert "for each of 4 verified" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_same_as_json(store: Path) -> None:
    done = typed(("status", "--cost", "--json"), store, {})
    found = json.loads(done.stdout)
    assert (found["attempted"], found["verified"]) == (5, 4)
    assert found["seconds"]["lock_seconds"] == 40
    assert found["seconds"]["checkout_seconds"] == 80
    assert found["core_hours"] == pytest.approx(sum(found["seconds"].values()) / 3600)
    assert found["core_hours_per_verified"] == pytest.approx(found["core_hours"] / 4)
    assert [it["instance_id"] for it in found["costliest"]][-1] == "owner__name-5"


def test_a_store_without_validations_says_so(tmp_path: Path) -> None:
    done = typed(("status", "--cost"), tmp_path, {})
    assert done.returncode == 0
    assert "curate crawl" in done.stdout
