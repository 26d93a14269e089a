"""Harbor's own command on exported tasks: gold earns 1, nothing and cheating earn 0."""

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers.clients import client_program, require_client, run_client

pytestmark = [pytest.mark.xdist_group("builds"), require_client("harbor")]
RIGHT, CHEATING = "curate-samples__tidytable-6", "curate-samples__tidytable-22"
EDIT_PYTEST = """\
#!/bin/bash
file=$(python -c 'import _pytest.runner as it; print(it.__file__)')
cat >> "$file" <<'P'
def pytest_runtest_makereport(item, call):
    report = TestReport.from_item_and_call(item, call)
    report.outcome = "passed"
    return report
P
"""


def run_harbor(folder: Path, *arguments: str) -> dict[str, dict[str, float]]:
    """The rewards of a run in *folder*, by the id of the task."""
    harbor = client_program("harbor", "harbor")
    command = (harbor, "run", "--yes", "--n-concurrent", "2", "--jobs-dir", "jobs", *arguments)
    run_client(*command, folder=folder, LITELLM_LOCAL_MODEL_COST_MAP="True")
    rewards = {}
    for path in folder.glob("jobs/*/*/verifier/reward.json"):
        rewards[path.parts[-3].rpartition("__")[0]] = json.loads(path.read_text())
    shutil.rmtree(folder / "jobs")
    return rewards


def test_gold_earns_1_and_an_edited_pytest_0(harbor_tasks: Path, tmp_path: Path) -> None:
    for name in (RIGHT, CHEATING):
        shutil.copytree(harbor_tasks / "tasks" / name, tmp_path / "tasks" / name)
    (tmp_path / "tasks" / CHEATING / "solution/solve.sh").write_text(EDIT_PYTEST)
    rewards = run_harbor(tmp_path, "--path", "tasks", "--agent", "oracle")
    assert rewards.keys() == {RIGHT, CHEATING}
    assert set(rewards[RIGHT].values()) == {1.0}
    assert rewards[CHEATING]["reward"] == rewards[CHEATING]["resolved"] == 0
    assert rewards[CHEATING]["fail_to_pass"] == 0


def test_a_dataset_is_taken_by_name_and_nothing_earns_0(harbor_tasks: Path) -> None:
    name = json.loads((harbor_tasks / "registry.json").read_text())[0]["name"]
    chosen = ("--dataset", name, "--registry-path", "registry.json", "--n-tasks", "1")
    (reward,) = run_harbor(harbor_tasks, *chosen, "--agent", "nop").values()
    assert reward["reward"] == reward["resolved"] == reward["fail_to_pass"] == 0
