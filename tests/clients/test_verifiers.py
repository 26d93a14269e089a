"""`vf-validate` and `vf-eval` of Prime's verifiers, unmodified, with real containers.

They take our own taskset, which grades in a fresh container, and the Harbor tasks. The harnesses
that come with verifiers fetch uv and packages into the container; the one here needs no network.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.demo.stage import Stage
from tests.helpers.clients import client_program, require_client, run_client

pytestmark = [pytest.mark.xdist_group("builds"), require_client("verifiers")]

END_PYTEST = (
    "file=$(python -c 'import _pytest.main as it; print(it.__file__)') &&"
    ' echo "raise SystemExit(0)" >> "$file"'
)
HARNESS = """
import verifiers.v1 as vf
__all__ = ["Harness"]
class Config(vf.HarnessConfig):
    command: str = ""
class Harness(vf.Harness[Config]):
    async def launch(self, ctx, trace, runtime, *others, **more):
        return await runtime.run(["sh", "-c", self.config.command], {})
"""


def roll_out(folder: Path, name: str, command: str, *taskset: str) -> dict[str, float]:
    """The rewards of an agent that runs *command* on the task *name*."""
    (folder / "scripted_agent.py").write_text(HARNESS)
    run_client(
        *(client_program("verifiers", "vf-eval"), *taskset),
        *("--select.include.names", json.dumps([name]), "--env.agent.runtime.type", "docker"),
        *("--env.agent.harness.id", "scripted_agent", "--env.agent.harness.command", command),
        *("-m", "none", "--output-dir", "found", "--no-rich", "--no-push"),
        folder=folder,
        PYTHONPATH=str(folder),
        CURATE_DATA_DIR=str(folder / "data"),
        PRIME_API_KEY="none",
    )
    (traces,) = (folder / "found").glob("*/traces.jsonl")
    (episode,) = map(json.loads, traces.read_text().splitlines())
    (trace,) = episode["traces"]
    assert not trace["errors"], trace["errors"]
    return {key: reward["score"] for key, reward in trace["rewards"].items()}


def link_tasks(folder: Path, tasks: Path) -> None:
    """Put *tasks* where the taskset `harbor` looks before it downloads."""
    cache = folder / "home/.cache/harbor"
    cache.mkdir(parents=True)
    (cache / "tidytable").symlink_to(tasks)


def fix(row: dict[str, Any]) -> str:
    return f"cd /testbed && git apply - <<'END_OF_PATCH'\n{row['patch']}END_OF_PATCH"


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
    link_tasks(tmp_path, harbor_tasks)
    arguments = ["harbor", "--taskset.dataset", "tidytable", "--only-noop"]
    shared = ["--taskset.ignore-separate-verifier", "true"]  # vf-validate has no second container
    found = validate(tmp_path, *arguments, *shared)
    assert sorted(found) == sorted(rows)
    assert all(row["reward"] == 0.0 for row in found.values()), found


@pytest.mark.parametrize("right", [True, False])
def test_a_rollout_of_our_taskset_is_rewarded_for_a_right_fix_alone(
    right: bool, tmp_path: Path, stage: Stage, rows: dict[str, dict[str, Any]]
) -> None:
    name = min(rows)
    command = fix(rows[name]) if right else "echo 1 > /testbed/wrong.py"
    taskset = ("curate", "--env.taskset.dataset", str(stage.release))
    assert roll_out(tmp_path, name, command, *taskset) == {"resolved": float(right)}


@pytest.mark.parametrize("right", [True, False])
def test_a_rollout_of_harbor_tasks_is_graded_in_a_second_container(
    right: bool, tmp_path: Path, harbor_tasks: Path, rows: dict[str, dict[str, Any]]
) -> None:
    name = min(rows)
    link_tasks(tmp_path, harbor_tasks)
    cheat = (
        "echo 'raise SystemExit(0)' >> $(python -c 'import _pytest.main as it; print(it.__file__)')"
    )
    command = fix(rows[name]) if right else cheat
    taskset = ("harbor", "--env.taskset.dataset", "tidytable")
    rewards = roll_out(tmp_path, f"curate/{name}", command, *taskset)
    assert rewards["reward"] == float(right)
