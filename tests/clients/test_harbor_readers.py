"""TRL's and OpenEnv's readers, unmodified, on the Harbor tasks of a release."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.clients import client_program, require_client, run_client

pytestmark = pytest.mark.xdist_group("builds")
LIST = """
import json, sys
from trl.experimental.harbor import HarborSpec
spec = HarborSpec(sys.argv[1], agent="bash")
print(json.dumps([row["task_dir"] for row in spec.train_dataset]))
"""
REWARD = """
import sys
from trl.experimental.harbor import HarborSpec
spec = HarborSpec(sys.argv[1], agent="bash")
(row,) = [row for row in spec.train_dataset if row["task_dir"].endswith(sys.argv[2])]
environment = spec.environment_factory()
print(environment.reset(**row))
print(environment.bash(sys.argv[3]))
print("reward", environment.reward)
del environment  # it stops its container, which it could no longer do at the end of the process
"""


@require_client("openenv")
def test_openenv_lists_the_tasks(
    tmp_path: Path, harbor_tasks: Path, rows: dict[str, dict[str, Any]]
) -> None:
    openenv = client_program("openenv", "openenv")
    command = [openenv, "harbor", "info", "--dataset", str(harbor_tasks), "--json"]
    found = json.loads(run_client(*command, folder=tmp_path, OPENENV_VALIDATE_TASKS="1"))
    assert found["datasets"] == [{"name": str(harbor_tasks), "num_tasks": len(rows)}]


@require_client("trl")
def test_trl_makes_a_training_set_of_the_tasks(
    tmp_path: Path, harbor_tasks: Path, rows: dict[str, dict[str, Any]]
) -> None:
    python = client_program("trl", "python")
    said = run_client(python, "-c", LIST, str(harbor_tasks), folder=tmp_path)
    assert sorted(Path(it).name for it in json.loads(said)) == sorted(rows)


@require_client("trl")
@pytest.mark.parametrize("right", [True, False])
def test_an_agent_of_trl_is_rewarded_for_a_right_fix_alone(
    right: bool, tmp_path: Path, harbor_tasks: Path, rows: dict[str, dict[str, Any]]
) -> None:
    name = min(rows)
    fix = f"cd /testbed && git apply - <<'END_OF_PATCH'\n{rows[name]['patch']}END_OF_PATCH"
    command = fix if right else "echo 1 > /testbed/wrong.py"
    python = client_program("trl", "python")
    said = run_client(python, "-c", REWARD, str(harbor_tasks), name, command, folder=tmp_path)
    assert f"The repository {rows[name]['repo']} is checked out at /testbed." in said
    assert said.splitlines()[-1] == f"reward {float(right)}"
