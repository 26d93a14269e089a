"""Gymnasium, unmodified: environments from its registry, and its own checker.

CURATE_GYMNASIUM names a Python with `gymnasium` and what curate needs.
"""

import json
from pathlib import Path

import pytest

from tests.demo.sample import ROOT
from tests.demo.stage import Stage
from tests.helpers.clients import client_program, require_client, run_client

pytestmark = [pytest.mark.xdist_group("builds"), require_client("gymnasium")]
NAME = "curate-samples__tidytable-4"
SCRIPT = """\
import base64, json, sys
import gymnasium
from gymnasium.utils.env_checker import check_env
name, release = sys.argv[1:]
id = "curate.gym.gymnasium_env:curate/Instance-v0"
found = {}
with gymnasium.make(id, instance_id=name, dataset=release, max_episode_steps=3) as env:
    check_env(env.unwrapped, skip_render_check=True)
    found["statement"], _ = env.reset(seed=1)
    gold = base64.b64encode(env.unwrapped.environment.task.gold).decode()
    env.step(f"echo {gold} | base64 -d | git apply")
    found["gold"] = env.step("submit")[1:4]
    env.reset()
    found["nothing"] = env.step("submit")[1:4]
    env.reset()
    found["truncated"] = [env.step("true")[3] for _ in range(3)]
import curate.gym
found["names"] = curate.gym.register_instances(release)
env = gymnasium.make(f"curate/{name}")
env.reset()
found["output"] = env.step("echo $((6 * 7))")[0]
env.close()
print(json.dumps(found))
"""


def test_registry_and_checker(tmp_path: Path, stage: Stage) -> None:
    command = (client_program("gymnasium", "python"), "-c", SCRIPT, NAME, str(stage.release))
    variables = {name: stage.variables[f"CURATE_{name}"] for name in ("CACHE_DIR", "RECIPES_DIR")}
    settings = {f"CURATE_{name}": text for name, text in variables.items()}
    printed = run_client(
        *command,
        folder=tmp_path,
        PYTHONPATH=str(ROOT),
        CURATE_DATA_DIR=str(tmp_path / "data"),
        **settings,
    )
    found = json.loads(printed.splitlines()[-1])
    assert found["statement"]
    assert found["gold"] == [1.0, True, False]
    assert found["nothing"] == [0.0, True, False]
    assert found["truncated"] == [False, False, True]
    assert f"curate/{NAME}" in found["names"]
    assert found["output"] == "42\n"
