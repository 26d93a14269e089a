"""mini-SWE-agent's batch command on a release, with the model that it has for tests.

Its `DeterministicModel` says the commands of a script instead of asking anybody; the agent, its
container and its file of predictions are the real ones. `curate evaluate` grades them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.demo.stage import Stage
from tests.helpers.clients import client_program, require_client, run_client

pytestmark = [pytest.mark.xdist_group("builds"), require_client("mini-swe-agent")]
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && cat /tmp/patch.txt"
STOP_AT_ONCE = ["--rm", "--init"]  # its `sleep` would not hear that it is to end


def solve(stage: Stage, folder: Path, instance_id: str, *commands: str) -> dict[str, Any]:
    """The trajectory of an agent that runs *commands* and submits what has changed."""
    script = [*commands, "git add -A && git diff --cached > /tmp/patch.txt", SUBMIT]
    config = {
        "model": {
            "model_class": "deterministic",
            "model_name": "scripted",
            "outputs": [
                {"role": "assistant", "content": "", "extra": {"actions": [{"command": it}]}}
                for it in script
            ],
        },
        "environment": {"run_args": STOP_AT_ONCE},
        "agent": {"cost_limit": 0},
    }
    (folder / "script.yaml").write_text(json.dumps(config))
    run_client(
        *(client_program("mini-swe-agent", "mini-extra"), "swebench"),
        *("--subset", str(stage.release), "--split", "train", "--filter", f"{instance_id}$"),
        *("-c", "swebench.yaml", "-c", "script.yaml", "-o", "."),
        folder=folder,
        MSWEA_CONFIGURED="true",
    )
    text = (folder / instance_id / f"{instance_id}.traj.json").read_text()
    trajectory: dict[str, Any] = json.loads(text)
    return trajectory


def test_a_right_fix_earns_one_and_a_wrong_one_nothing(
    tmp_path: Path, stage: Stage, rows: dict[str, dict[str, Any]]
) -> None:
    right, wrong, _ = sorted(rows)
    fix = f"git apply - <<'END_OF_PATCH'\n{rows[right]['patch']}END_OF_PATCH"
    trajectory = solve(stage, tmp_path, right, "git status --short", fix)
    assert trajectory["info"]["exit_status"] == "Submitted"
    clean = trajectory["messages"][3]["content"]  # what the first command printed
    assert "<returncode>0</returncode>\n<output>\n</output>" in clean
    trajectory = solve(stage, tmp_path, wrong, "echo '# no' > wrong.py")
    assert "wrong.py" in trajectory["info"]["submission"]
    preds = str(tmp_path / "preds.json")
    stage.curate("evaluate", preds, "--dataset", str(stage.release), "--run-id", "mini")
    folder = Path(stage.variables["CURATE_DATA_DIR"]) / "evaluations/mini"
    (path,) = folder.glob("*/report.json")
    report = json.loads(path.read_text())
    assert (report["resolved_ids"], report["unresolved_ids"]) == ([right], [wrong])
