"""`curate evaluate` at the command line, on an instance that the local sandbox runs."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import curate
from curate.core.settings import read_settings
from curate.publish.card import CardData
from curate.publish.release import ReleaseContent, write_release
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS
from curate.releases.table import make_table
from tests.doubles.hub import HubDouble
from tests.helpers.local_task import SOURCE, LocalTask, make_local_task
from tests.helpers.terminal import Typed, typed

ID = "owner__name-7"
ROOT = Path(__file__).parents[2]
Evaluate = Callable[..., Typed]


@pytest.fixture
def local(tmp_path: Path) -> LocalTask:
    made = make_local_task(tmp_path)
    made.save(tmp_path / "data")
    return made


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    def run(*arguments: str) -> Typed:
        return typed(("evaluate", *arguments, "--sandbox", "local"), tmp_path, {})

    return run


def written(tmp_path: Path, *patches: object, name: str = "preds.jsonl") -> str:
    lines = [json.dumps(it) if isinstance(it, dict) else str(it) for it in patches]
    (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    return name


def predicted(patch: bytes | None, instance_id: str = ID, model: str = "lab/one") -> dict[str, Any]:
    text = patch if patch is None else patch.decode()
    return {"instance_id": instance_id, "model_name_or_path": model, "model_patch": text}


def report_in(tmp_path: Path, run: str, model: str, *parts: str) -> Any:
    folder = tmp_path / "data/evaluations" / run / model
    return json.loads(folder.joinpath(*parts).read_text())


def count_grades(tmp_path: Path) -> int:
    with sqlite3.connect(tmp_path / "data/curate.sqlite") as database:
        return int(database.execute("SELECT count(*) FROM grades").fetchone()[0])


@pytest.mark.usefixtures("local")
def test_gold_and_empty_are_words(tmp_path: Path, evaluate: Evaluate) -> None:
    for word, resolved in (("gold", [ID]), ("empty", [])):
        done = evaluate(word)
        assert done.returncode == 0, done.stderr
        assert report_in(tmp_path, word, word, "report.json")["resolved_ids"] == resolved
    reward = report_in(tmp_path, "gold", "gold", ID, "reward.json")
    assert (reward["reward"], reward["fail_to_pass"], reward["reason"]) == (1.0, 1.0, "resolved")
    folder = tmp_path / "data/evaluations/gold/gold" / ID
    assert {it.name for it in folder.iterdir()} == {
        *("patch.diff", "report.json", "reward.json", "test_output.txt")
    }
    assert b"2 passed" in (folder / "test_output.txt").read_bytes()


def test_what_was_graded_is_not_run_again(
    tmp_path: Path, evaluate: Evaluate, local: LocalTask
) -> None:
    name = written(tmp_path, predicted(local.candidate.patch))
    first = evaluate(name, "--json")
    again = evaluate(name, "--json", "--run-id", "second")
    assert (first.returncode, again.returncode) == (0, 0)
    assert "1 known" in again.stderr and "1 known" not in first.stderr
    assert json.loads(first.stdout) == json.loads(again.stdout)
    for part in ("test_output.txt", "reward.json", "report.json"):
        one, two = (
            (tmp_path / "data/evaluations" / run / "lab__one" / ID / part).read_bytes()
            for run in ("preds", "second")
        )
        assert one == two
    assert "known" not in evaluate(name, "--rerun").stderr
    assert count_grades(tmp_path) == 1


def test_a_worker_grades_as_this_process_does(
    tmp_path: Path, evaluate: Evaluate, local: LocalTask
) -> None:
    name = written(tmp_path, predicted(local.candidate.patch), predicted(b"", model="lab/two"))
    there = evaluate(name, "--json", "--cluster", "local", "-j", "1")
    assert there.returncode == 0, there.stderr
    assert report_in(tmp_path, "preds", "lab__one", "report.json")["resolved_ids"] == [ID]
    here = evaluate(name, "--json", "--run-id", "here")
    assert "1 known" in here.stderr and json.loads(here.stdout) == json.loads(there.stdout)
    assert count_grades(tmp_path) == 2


def test_a_report_has_the_keys_of_swe_bench(
    tmp_path: Path, evaluate: Evaluate, local: LocalTask
) -> None:
    wrong = local.diff(**{"birds.py": SOURCE.replace("kestrel", "owl")})
    assert evaluate(written(tmp_path, predicted(wrong))).returncode == 0
    report = report_in(tmp_path, "preds", "lab__one", "report.json")
    counts = ("total", "submitted", "completed", "resolved", "unresolved", "empty_patch", "error")
    assert [report[f"{name}_instances"] for name in counts] == [1, 1, 1, 0, 1, 0, 0]
    assert (report["schema_version"], report["unresolved_ids"]) == (2, [ID])
    tests = report_in(tmp_path, "preds", "lab__one", ID, "report.json")[ID]["tests_status"]
    assert tests["PASS_TO_PASS"] == {"success": [], "failure": ["tests/test_birds.py::test_name"]}


@pytest.mark.parametrize("form", ["list", "object", "texts", "one"])
def test_every_form_of_swe_bench_is_read(
    tmp_path: Path, evaluate: Evaluate, local: LocalTask, form: str
) -> None:
    entry = predicted(local.candidate.patch)
    texts = {ID: entry["model_patch"]}
    document = {"list": [entry], "object": {ID: entry}, "texts": texts, "one": entry}[form]
    (tmp_path / "preds.json").write_text(json.dumps(document, indent=1))
    model = "unnamed" if form == "texts" else "lab__one"
    assert evaluate("preds.json").returncode == 0
    assert report_in(tmp_path, "preds", model, "report.json")["resolved_ids"] == [ID]


def test_one_bad_entry_does_not_stop_the_rest(
    tmp_path: Path, evaluate: Evaluate, local: LocalTask
) -> None:
    bad = ["{", "[]", '{"model_patch": "x"}', '{"instance_id": "a", "model_patch": 7}']
    unknown = predicted(b"x\n", "no__such-1")
    name = written(tmp_path, *bad, unknown, predicted(local.candidate.patch))
    done = evaluate(name)
    assert done.returncode == 2
    for number in (1, 2, 3, 4):
        assert f"line {number}: " in done.stderr
    assert "1 predictions are of unknown instances, the first: no__such-1" in done.stderr
    report = report_in(tmp_path, "preds", "lab__one", "report.json")
    assert (report["resolved_ids"], report["unknown_ids"]) == ([ID], ["no__such-1"])


def test_of_two_patches_the_last_counts_and_models_are_apart(
    tmp_path: Path, evaluate: Evaluate, local: LocalTask
) -> None:
    right = local.candidate.patch
    name = written(
        *(tmp_path, predicted(b"x\n"), predicted(right)),
        *(predicted(None, model="../up"), predicted(b"x\n", model="..")),
    )
    done = evaluate(name)
    assert (done.returncode, "another patch for owner__name-7" in done.stderr) == (0, True)
    assert report_in(tmp_path, "preds", "lab__one", "report.json")["resolved_ids"] == [ID]
    assert report_in(tmp_path, "preds", "..__up", "report.json")["empty_patch_ids"] == [ID]
    folders = {it.name for it in (tmp_path / "data/evaluations/preds").iterdir()}
    assert len(folders) == 3 and {it.name for it in tmp_path.iterdir()} == {
        *("built", "data", "preds.jsonl")
    }


def test_no_instance_here_is_an_error_of_its_own(
    tmp_path: Path, evaluate: Evaluate, local: LocalTask
) -> None:
    (tmp_path / "built/checkout").rename(tmp_path / "built/elsewhere")
    done = evaluate("gold")
    assert done.returncode == 3 and "was not built by the local sandbox" in done.stderr
    reward = report_in(tmp_path, "gold", "gold", ID, "reward.json")
    assert (reward["reward"], reward["reason"]) == (None, "infrastructure-error")
    report = report_in(tmp_path, "gold", "gold", "report.json")
    assert (report["error_ids"], report["unresolved_ids"]) == ([ID], [])
    (tmp_path / "built/elsewhere").rename(tmp_path / "built/checkout")
    assert evaluate("gold").returncode == 0
    assert report_in(tmp_path, "gold", "gold", "report.json")["resolved_ids"] == [ID]


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("none.jsonl",), 4, "No file of predictions none.jsonl"),
        (("godl",), 4, "the words gold and empty"),
        (("gold", "--dataset", "none"), 4, "No dataset none"),
        (("gold", "--dataset", "data"), 4, "no split train"),
        (("gold", "--dataset", "rows.csv"), 4, "No dataset rows.csv"),
        (("gold", "--run-id", "../x"), 2, "not a file name"),
    ],
)
def test_what_cannot_be_read_is_said(
    evaluate: Evaluate, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = evaluate(*arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_rows_of_an_export_are_a_dataset(
    tmp_path: Path, evaluate: Evaluate, local: LocalTask
) -> None:
    exported = typed(("export", "--split", "verified", "rows.jsonl"), tmp_path, {})
    assert exported.returncode == 0, exported.stderr
    (tmp_path / "data").rename(tmp_path / "other")
    done = evaluate("gold", "--dataset", "rows.jsonl")
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "rows.jsonl").read_text())
    del row["protected_paths"]
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    done = evaluate("gold", "--dataset", "rows.jsonl")
    assert done.returncode == 3 and "no column 'protected_paths'" in done.stderr


PUSH = """
import sys
from pathlib import Path
from curate.publish.hub import push_folder
push_folder(Path("release"), "curator/tasks")
"""


def test_a_name_on_the_hub_is_a_dataset(tmp_path: Path, local: LocalTask) -> None:
    assert typed(("export", "--split", "verified", "rows.jsonl"), tmp_path, {}).returncode == 0
    rows = make_table(TRAIN_COLUMNS, [json.loads((tmp_path / "rows.jsonl").read_text())])
    content = ReleaseContent(
        card_data=CardData(repo_id="curator/tasks", license="mit"),
        train=rows,
        raw=make_table(RAW_COLUMNS),
    )
    write_release(tmp_path / "release", content)
    with HubDouble() as hub:
        variables = {**os.environ, **hub.environment(tmp_path / "home"), "PYTHONPATH": str(ROOT)}

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, *arguments],
                cwd=tmp_path,
                env=variables,
                capture_output=True,
                text=True,
                check=False,
            )

        run("-c", PUSH).check_returncode()
        command = ("-m", "curate", "evaluate", "gold", "--sandbox", "local", "--dataset")
        done, none = run(*command, "curator/tasks"), run(*command, "curator/none")
        at_main = run(*command, "curator/tasks@main")
        at_none, slip = run(*command, "curator/tasks@v9"), run(*command, "data/tasks")
    assert done.returncode == 0, done.stderr
    assert report_in(tmp_path, "gold", "gold", "report.json")["resolved_ids"] == [ID]
    assert (none.returncode, "has no dataset curator/none" in none.stderr) == (4, True)
    assert "here either" not in none.stderr
    assert (at_main.returncode, "1 known" in at_main.stderr) == (0, True), at_main.stderr
    assert (at_none.returncode, "at revision v9" in at_none.stderr) == (4, True), at_none.stderr
    assert (slip.returncode, "no data/tasks here either" in slip.stderr) == (4, True), slip.stderr


@pytest.mark.parametrize(("version", "code"), [("3.0", 2), ("2.9", 4)])
def test_a_release_of_a_newer_schema_is_refused(
    tmp_path: Path, evaluate: Evaluate, version: str, code: int
) -> None:
    (tmp_path / "release/data").mkdir(parents=True)
    (tmp_path / "release/README.md").write_text(f"---\ntags:\n- curate-schema-{version}\n---\n")
    if code == 2:
        (tmp_path / "release/data/train-00000-of-00001.parquet").touch()
    done = evaluate("gold", "--dataset", "release")
    assert done.returncode == code
    assert ("has schema 3.0; this curate reads" in done.stderr) is (code == 2)


def test_python_grades_as_the_command_does(
    tmp_path: Path, local: LocalTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = written(tmp_path, predicted(local.candidate.patch), "{")
    (report,) = curate.evaluate(name, sandbox="local", settings=read_settings({}, {}))
    assert report.to_json() == report_in(tmp_path, "preds", "lab__one", "report.json")
    assert report.resolved_ids == [ID]
