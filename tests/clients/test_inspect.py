"""A release as a task of Inspect, with its mock model and real containers.

`sandbox=docker` is Inspect's own and needs Docker 24.0.6; `sandbox=curate` runs everywhere.
"""

import json
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.demo.stage import Stage
from tests.helpers.clients import client_program, require_client, run_client

pytestmark = [pytest.mark.xdist_group("builds"), require_client("inspect")]
SOLVE = """
import json, sys
from inspect_ai import eval
from inspect_ai.model import ModelOutput, get_model
from curate.integrations.inspect import swe_tasks
release, sandbox, name, command = sys.argv[1:]
says = [
    ModelOutput.for_tool_call("mockllm", "bash", {"command": command}),
    ModelOutput.for_tool_call("mockllm", "submit", {"answer": "done"}),
]
model = get_model("mockllm/model", custom_outputs=says)
(log,) = eval(swe_tasks(release, sandbox=sandbox), model=model, sample_id=name, display="none")
(sample,) = log.samples
print(json.dumps({"status": log.status, **sample.scores["resolved"].model_dump()}))
"""


def inspect(*command: str, folder: Path) -> str:
    """Standard output of a program in Inspect's environment, which has a tokenizer at hand."""
    find = "import importlib.util as u; print(u.find_spec('litellm').submodule_search_locations[0])"
    python = client_program("inspect", "python")
    litellm = run_client(python, "-c", find, folder=folder).strip()
    return run_client(
        *(client_program("inspect", command[0]), *command[1:]),
        folder=folder,
        TIKTOKEN_CACHE_DIR=f"{litellm}/litellm_core_utils/tokenizers",
        CURATE_DATA_DIR=str(folder / "data"),
    )


def solve(stage: Stage, folder: Path, sandbox: str, name: str, command: str) -> dict[str, Any]:
    """The score of a model that runs *command* and submits."""
    release = str(stage.release)
    said = inspect("python", "-c", SOLVE, release, sandbox, name, command, folder=folder)
    score: dict[str, Any] = json.loads(said.splitlines()[-1])
    return score


def has_new_engine() -> bool:
    """Whether the engine is one that Inspect's own sandbox takes."""
    try:
        version = docker.from_env().version()["Version"]
    except docker.errors.DockerException:
        return False
    return int(version.split(".")[0]) >= 25


def list_sandboxes(image: str) -> list[str]:
    """Names of the containers of *image* that a sandbox of Inspect has left."""
    found = docker.from_env().api.containers(all=True, filters={"ancestor": image})
    return [it["Names"][0] for it in found if "inspect" in it["Names"][0]]


@pytest.mark.parametrize(
    "sandbox",
    [
        "curate",
        pytest.param(
            "docker", marks=pytest.mark.skipif(not has_new_engine(), reason="an old engine")
        ),
    ],
)
def test_a_right_fix_is_resolved_and_a_wrong_one_not(
    sandbox: str, tmp_path: Path, stage: Stage, rows: dict[str, dict[str, Any]]
) -> None:
    name = min(rows)
    fix = f"git apply - <<'END_OF_PATCH'\n{rows[name]['patch']}END_OF_PATCH"
    right = solve(stage, tmp_path, sandbox, name, fix)
    assert (right["status"], right["value"]) == ("success", 1.0), right
    assert right["metadata"]["fail_to_pass"] == 1.0
    wrong = solve(stage, tmp_path, sandbox, name, "echo 1 > wrong.py")
    assert (wrong["status"], wrong["value"]) == ("success", 0.0), wrong
    assert "wrong.py" in wrong["metadata"]["model_patch"]
    assert wrong["explanation"].startswith("tests-failed: ")
    assert not list_sandboxes(rows[name]["image"])


def test_the_command_line_finds_the_task(
    tmp_path: Path, stage: Stage, rows: dict[str, dict[str, Any]]
) -> None:
    inspect(
        *("inspect", "eval", "curate/swe_tasks", "-T", f"dataset={stage.release}"),
        *("-T", "sandbox=curate", "--model", "mockllm/model", "--message-limit", "4"),
        *("--log-format", "json", "--log-dir", "logs", "--display", "none"),
        folder=tmp_path,
    )
    (file,) = (tmp_path / "logs").glob("*.json")
    log = json.loads(file.read_text())
    assert log["status"] == "success"
    scores = {it["id"]: it["scores"]["resolved"]["value"] for it in log["samples"]}
    assert scores == dict.fromkeys(rows, 0.0)
    written = file.read_text()  # nothing of the solution or the tests is in what it keeps
    for row in rows.values():
        assert not any(line in written for line in added_lines(row["patch"]))
        assert not any(line in written for line in added_lines(row["test_patch"]))


def added_lines(patch: str) -> list[str]:
    """Lines of code that *patch* adds, those long enough to be nowhere by chance."""
    lines = [line[1:].strip() for line in patch.splitlines() if line.startswith("+")]
    return [line for line in lines if len(line) > 30 and '"' not in line and "+++" not in line]
