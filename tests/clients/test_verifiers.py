"""`vf-validate` of Prime's verifiers, unmodified, with real containers.

It takes our own taskset, which grades in a fresh container, and the Harbor tasks.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.demo.stage import Stage
from tests.helpers.clients import client_program, require_client, run_client

pytestmark = [pytest.mark.xdist_group("builds"), require_client("verifiers")]


def validate(folder: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    """What `vf-validate` found, by instance id."""
    run_client(
        *(client_program("verifiers", "vf-validate"), *arguments),
        *("--runtime.type", "docker", "--output-dir", "found", "--rich", "false"),
        folder=folder,
        CURATE_DATA_DIR=str(folder / "data"),
    )
    (results,) = (folder / "found").glob("*/results.jsonl")
    found = [json.loads(line) for line in results.read_text().splitlines()]
    return {row["name"].split("/")[-1]: row for row in found}


def test_our_taskset_gives_gold_one_and_nothing_zero(
    tmp_path: Path, stage: Stage, rows: dict[str, dict[str, Any]]
) -> None:
    found = validate(tmp_path, "curate", "--taskset.dataset", str(stage.release))
    assert sorted(found) == sorted(rows)
    for row in found.values():
        assert row["gold"]["reason"] == "valid", row
        assert row["noop"]["rewards"] == {"resolved": 0.0}, row


def test_the_harbor_tasks_give_nothing_zero(
    tmp_path: Path, harbor_tasks: Path, rows: dict[str, dict[str, Any]]
) -> None:
    cache = tmp_path / "home/.cache/harbor"  # where it looks before it downloads
    cache.mkdir(parents=True)
    (cache / "tidytable").symlink_to(harbor_tasks)
    arguments = ["harbor", "--taskset.dataset", "tidytable", "--only-noop"]
    shared = ["--taskset.ignore-separate-verifier", "true"]  # vf-validate has no second container
    found = validate(tmp_path, *arguments, *shared)
    assert sorted(found) == sorted(rows)
    assert all(row["reward"] == 0.0 for row in found.values()), found
