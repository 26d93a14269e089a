"""`curate measure` on an instance that the local sandbox runs."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from curate.core.model import CrawlState
from curate.measure.stored import iter_measurements
from curate.store import Store
from tests.helpers.factories import make_pull
from tests.helpers.local_task import SOURCE, LocalTask, make_local_task
from tests.helpers.terminal import Curate, Typed, typed

ID = "owner__name-7"
GOLD = "    if number > 100:\n        return 0\n    return 2 * number\n"
MEASURE = ("measure", "--sandbox", "local", "--mutants", "20")


@pytest.fixture
def local(tmp_path: Path) -> LocalTask:
    """The instance, with a mirror, and a gold patch with lines that no test asks for."""
    made = make_local_task(tmp_path)
    git = ["git", "-C", str(made.checkout)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    gold = made.diff(**{"birds.py": SOURCE.replace("    return number\n", GOLD, 1)})
    candidate = replace(made.candidate, base_commit=head.stdout.strip(), patch=gold)
    mirrors = tmp_path / "data" / "mirrors"
    mirrors.mkdir(parents=True)
    (mirrors / "owner__name.git").symlink_to(made.checkout / ".git")
    made = replace(made, candidate=candidate)
    with Store(tmp_path / "data") as store:
        store.save_page("owner/name", [make_pull(7, repo="owner/name")], CrawlState())
    made.save(tmp_path / "data")
    return made


@pytest.fixture
def curate(tmp_path: Path, local: LocalTask) -> Curate:
    def run(*arguments: str) -> Typed:
        return typed(arguments, tmp_path, {"PATH": os.environ["PATH"]})

    return run


def test_survivors_are_what_the_tests_do_not_ask_for(curate: Curate) -> None:
    done = curate(*MEASURE, "--json")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["measurements"]
    results = {(it["line"], it["operator"]): it["result"] for it in one["mutants"]}
    assert results[4, "constant"] == results[4, "arithmetic"] == "killed"
    assert results[4, "early-return"] == results[2, "negation"] == "killed"
    assert results[3, "constant"] == results[2, "constant"] == "survived"
    assert results[3, "early-return"] == "survived"
    killed = [it for it in one["mutants"] if it["result"] == "killed"]
    assert {it["killed_by"] for it in killed} == {"tests/test_birds.py::test_double"}
    assert {it["tests"] for it in killed} == {1}  # the other test does not execute the line
    assert one["mutation_score"] == len(killed) / len(one["mutants"])
    assert (one["added_statements"], one["covered_statements"]) == (3, 2)
    assert one["touching_tests"] == ["tests/test_birds.py::test_double"]
    assert one["cpu_seconds"] > 0 and not one["problem"]


def test_a_survivor_is_resolved_for_the_grader(tmp_path: Path, curate: Curate) -> None:
    assert curate(*MEASURE).returncode == 0
    with Store(tmp_path / "data") as store:
        (one,) = iter_measurements(store, [ID])
        patches = [store.blobs.get(it.patch).decode() for it in one.survivors]
    assert patches
    rows = [
        {"instance_id": ID, "model_patch": patch, "model_name_or_path": f"m{number}"}
        for number, patch in enumerate(patches)
    ]
    (tmp_path / "preds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = curate("evaluate", "preds.jsonl", "--sandbox", "local", "--json")
    assert done.returncode == 0, done.stderr
    assert [it["resolved_ids"] for it in json.loads(done.stdout)] == [[ID]] * len(patches)


def test_what_was_measured_is_known_until_its_inputs_change(curate: Curate) -> None:
    first = curate(*MEASURE, "--json")
    again = curate(*MEASURE, "--json")
    assert first.stdout == again.stdout
    text = curate(*MEASURE)
    assert "1 of them were measured earlier" in text.stderr
    assert "survived: constant at birds.py:3" in text.stdout and "- return 0" in text.stdout
    fewer = curate("measure", ID, "--sandbox", "local", "--mutants", "2", "--json")
    assert len(json.loads(fewer.stdout)["measurements"][0]["mutants"]) == 2


def test_gold_that_no_longer_passes_is_told(
    tmp_path: Path, local: LocalTask, curate: Curate
) -> None:
    (local.checkout / "tests/test_birds.py").write_text("def test_name(): assert 0\n")
    git = ["git", "-C", str(local.checkout), "-c", "user.name=t", "-c", "user.email=t@t.invalid"]
    subprocess.run([*git, "commit", "-qam", "other"], check=True)
    done = curate(*MEASURE)
    assert done.returncode == 0, done.stderr
    assert f"{ID}: the gold patch does not pass" in done.stdout
    assert "0 measured" in done.stderr


def test_without_a_mirror_and_with_unknown_ids(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "data/mirrors/owner__name.git").unlink()
    done = curate(*MEASURE)
    assert done.returncode == 3
    assert "No mirror of owner/name" in done.stderr and "curate crawl owner/name" in done.stderr
    unknown = curate(*MEASURE, "owner__name-8")
    assert unknown.returncode == 4 and "owner__name-8" in unknown.stderr
