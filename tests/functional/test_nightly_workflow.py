"""The nightly workflow: every line that it runs, night after night, on doubles."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from curate.store import Store
from tests.doubles.github.samples import sample_repository
from tests.helpers.nights import BIRDS, STONES, night_world
from tests.helpers.workflow_runner import ROOT, WorkflowRunner

FILE = ROOT / ".github/workflows/nightly.yml"
HOME = "lab/tasks"


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_every_line_runs_and_nights_follow_each_other(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    with night_world(tmp_path / "world") as world:
        world.github.world.add(sample_repository(HOME, 1))
        runner = WorkflowRunner(
            file=FILE,
            folder=tmp_path / "runner",
            values={
                "vars.NIGHTLY_REPOSITORIES": f"{BIRDS} {STONES}",
                "vars.NIGHTLY_REGISTRY": "",
                "vars.NIGHTLY_HUB": "",
                "secrets.CRAWL_TOKEN || github.token": "right",
                "github.token": "right",
            },
            variables={**world.variables, "PYTHONPATH": str(ROOT), "GITHUB_REPOSITORY": HOME},
        )
        workflow = tmp_path / "nightly.yml"  # the local sandbox needs no engine
        workflow.write_text(FILE.read_text().replace("SANDBOX: docker", "SANDBOX: local"))
        runner.file = workflow
        birds, stones = world.projects[BIRDS], world.projects[STONES]
        for number in (10, 20):
            birds.add_pull(number)
        stones.add_pull(10)

        runner.values["github.run_id"] = "1"
        first = runner.run()
        log = (tmp_path / "runner/release/log").read_text()
        assert first == dict.fromkeys(first, True), log
        assert list(first) == [
            "plan",
            "rebuild lab__birds-1-of-1",
            "rebuild lab__stones-1-of-1",
            "release",
        ]
        report = json.loads((tmp_path / "runner/artifacts/release/report.json").read_text())
        assert report["totals"]["verified"] == 3
        assert [it["left"] for it in report["repositories"].values()] == [0, 0]
        assert report["release"]["rows"]["train"] == 3
        assert "3 attempted: 3 verified" in runner.summaries["release"]
        assert (tmp_path / "runner/artifacts/release/nightly/release/SHA256SUMS").exists()

        birds.add_pull(30)
        runner.values["github.run_id"] = "2"
        second = runner.run()
        assert second == dict.fromkeys(second, True)
        report = json.loads((tmp_path / "runner/artifacts/release/report.json").read_text())
        assert report["totals"]["verified"] == 1
        (train,) = (it for it in report["release"]["diff"] if it["split"] == "train")
        assert (train["added"], train["changed"], train["removed"]) == (["lab__birds-30"], [], [])

        world.github.world.remove(STONES)
        birds.add_pull(40)
        runner.values["github.run_id"] = "3"
        third = runner.run()
        assert third["rebuild lab__birds-1-of-1"] and not third["rebuild lab__stones-1-of-1"]
        report = json.loads((tmp_path / "runner/artifacts/release/report.json").read_text())
        assert list(report["problems"]) == [STONES]
        assert report["release"]["rows"]["train"] == 5  # what is known of it stays
    with Store(tmp_path / "runner/release/nightly") as store:
        assert len(store.verified_inputs()) == 5
    assert {*runner.lines} == runner.list_written_lines()


def test_the_workflow_is_as_actions_and_shells_want_it() -> None:
    program = shutil.which("actionlint", path=str(ROOT / ".venv/bin")) or shutil.which("actionlint")
    if program is None:
        pytest.skip("needs actionlint")
    files = sorted(map(str, (ROOT / ".github/workflows").glob("*.yml")))
    done = subprocess.run([program, *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
