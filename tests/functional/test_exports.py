"""Exports: files of other tools, pure, and their test scripts run by a real shell."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from curate.core.errors import ConfigurationError
from curate.publish.export.folder import render_folder
from curate.publish.export.harbor import render_task
from curate.publish.export.run import write_rows
from curate.publish.export.swebench import render_repository
from curate.publish.image_names import derive_swebench_name
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS
from curate.releases.table import make_table
from tests.helpers.releases import IMAGE, good


def test_a_task_repository_has_every_column_once() -> None:
    row = good(7, hints_text="a hint")
    files = dict(render_repository("o/n", [row]))
    assert yaml.safe_load(files["sweb.yaml"]) == {"datasets": ["o/n"], "splits": ["train"]}
    task = yaml.safe_load(files["tasks/owner__name-7/task.yaml"])
    assert (
        task["image"]
        == derive_swebench_name("Owner__name-7")
        == ("swebench/sweb.eval.x86_64.owner_1776_name-7:latest")
    )
    assert task["source_image"] == IMAGE.reference
    assert files["tasks/owner__name-7/Dockerfile"] == f"FROM {IMAGE.reference}\n"
    tests = json.loads(files["tasks/owner__name-7/tests.json"])
    assert tests == {name: row[name] for name in ("FAIL_TO_PASS", "PASS_TO_PASS")}
    assert files["tasks/owner__name-7/gold.patch"] == row["patch"]
    assert files["tasks/owner__name-7/hints.md"] == "a hint"
    assert "tasks/owner__name-8/hints.md" not in dict(render_repository("o/n", [good(8)]))


def test_a_task_after_which_no_image_can_be_named_has_another_id() -> None:
    files = dict(render_repository("o/n", [good(7, instance_id="some-lab__kestrel_-7")]))
    (name,) = (name for name in files if name.endswith("/task.yaml"))
    task = yaml.safe_load(files[name])
    assert name == f"tasks/{task['instance_id']}/task.yaml"
    assert task["source_instance_id"] == "some-lab__kestrel_-7"
    assert task["image"] == derive_swebench_name(task["instance_id"])
    assert re.fullmatch(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*", task["instance_id"])


def reward(tmp_path: Path, row: dict[str, Any], output: str) -> str:
    """Run Harbor's test of *row*, whose evaluation script prints *output*."""
    files = render_task(row) | {"tests/eval.sh": f"cat <<'E'\n{output}\nE\n"}
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            content.replace("/tests/", f"{tmp_path}/tests/").replace("/logs/", f"{tmp_path}/logs/")
        )
    (tmp_path / "logs/verifier").mkdir(parents=True)
    test = (tmp_path / "tests/test.sh").read_text().replace(" /logs", f" {tmp_path}/logs")
    subprocess.run(["bash", "-c", test], check=True)
    return (tmp_path / "logs/verifier/reward.txt").read_text()


BOTH = ">>>>> Start Test Output\n{}\n>>>>> End Test Output"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (BOTH.format("PASSED t.py::a[x%20y]\nPASSED t.py::b\nSKIPPED t.py::c[%5Cxfc]"), "1"),
        (BOTH.format("FAILED t.py::a[x%20y]\nPASSED t.py::b\nPASSED t.py::c[%5Cxfc]"), "0"),
        (BOTH.format("SKIPPED t.py::a[x%20y]\nPASSED t.py::b\nPASSED t.py::c[%5Cxfc]"), "0"),
        (BOTH.format("PASSED t.py::a[x%20y]\nFAILED t.py::b\nPASSED t.py::c[%5Cxfc]"), "0"),
        (BOTH.format("PASSED t.py::a[x%20y]\nPASSED t.py::b"), "0"),
        ("PASSED t.py::a[x%20y]\nPASSED t.py::b\nPASSED t.py::c[%5Cxfc]", "0"),
        ("", "0"),
    ],
)
def test_harbor_rewards_what_swebench_resolves(tmp_path: Path, output: str, expected: str) -> None:
    assert reward(tmp_path, good(7), output).strip() == expected


def test_harbor_without_tests_that_must_stay(tmp_path: Path) -> None:
    row = good(7, PASS_TO_PASS=[])
    assert reward(tmp_path, row, BOTH.format("PASSED t.py::a[x%20y]")).strip() == "1"


def test_a_plain_folder_has_rows_locks_and_dockerfiles() -> None:
    row = good(7, dockerfiles=json.dumps({"base": "FROM a\n", "instance": "FROM b\n"}))
    files = dict(render_folder([row]))
    assert json.loads(files["rows.jsonl"]) == row
    assert files["images/owner__name-7/lock.txt"] == "a==1\n"
    assert files["images/owner__name-7/2-instance.Dockerfile"] == "FROM b\n"


def test_folders_appear_whole_scripts_can_be_run_and_nothing_is_overwritten(tmp_path: Path) -> None:
    write_rows(make_table(TRAIN_COLUMNS, [good(7)]), "verified", "harbor", tmp_path / "tasks")
    script = tmp_path / "tasks/owner__name-7/tests/test.sh"
    assert script.stat().st_mode & 0o111
    with pytest.raises(ConfigurationError, match="not empty"):
        write_rows(make_table(TRAIN_COLUMNS, [good(7)]), "verified", "folder", tmp_path / "tasks")
    with pytest.raises(ConfigurationError, match="verified"):
        write_rows(make_table(RAW_COLUMNS), "raw", "folder", tmp_path / "other")
    with pytest.raises(ConfigurationError, match="standard output"):
        write_rows(make_table(TRAIN_COLUMNS), "verified", "swebench", Path("-"))
    assert [path.name for path in tmp_path.iterdir()] == ["tasks"]
