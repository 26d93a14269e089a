"""Process data of instances in real git repositories, and `curate process` at the command line."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from curate.cluster.slots import WorkerLostError
from curate.core.tokens import ESTIMATE, estimate_tokens, make_token_counter
from curate.process_data.formats import read_records, write_records
from curate.process_data.model import ProcessInput, ProcessOptions, ProcessRecord
from curate.process_data.parts import PART_SIZE, Part, count_lost, find_finished
from curate.process_data.record import make_record
from curate.process_data.repository import MirrorReader
from tests.helpers.git_history import GitHistory
from tests.helpers.local_task import make_local_task
from tests.helpers.terminal import Typed, typed

REPO = "owner/name"
CODE = "def fly(height):\n    return height\n\n\nclass Bird:\n    wings = 2\n"
FILES: dict[str, bytes | str | None] = {
    "birds/__init__.py": "",
    "birds/fly.py": CODE,
    "birds/gone.py": "GONE = 1\n",
    "birds/moved.py": "def move():\n    return 1\n" * 5,
    "birds/dos.py": "a = 1\r\nb = 2\r\n",
    "birds/latin.py": b"# coding: latin-1\nname = '\xe9'\n",
    "birds/old.py": "print 'python 2'\n",
    "birds/run.py": "run = 1",
    "docs/index.rst": "Birds\n=====\n",
    "tests/test_fly.py": "def test_fly():\n    pass\n",
    "picture.png": b"\x89PNG\0\0",
}


@pytest.fixture
def history(tmp_path: Path) -> GitHistory:
    history = GitHistory.new(tmp_path / "work")
    history.change(FILES)
    return history


def make_input(history: GitHistory, **changes: Any) -> ProcessInput:
    """Return an instance whose patch is the last commit of *history*."""
    values = {
        "instance_id": "owner__name-7",
        "repo": REPO,
        "base_commit": history.git("rev-parse", "HEAD~1"),
        "problem_statement": "Birds do not fly. See fly.py {and} 100 %.",
        "patch": changes["patch"] if "patch" in changes else read_patch(history),
    }
    return ProcessInput(**{**values, **changes})


def read_patch(history: GitHistory) -> bytes:
    command = ("git", "diff", "--binary", "--full-index", "-M", "HEAD~1", "HEAD")
    return subprocess.run(command, cwd=history.path, capture_output=True, check=True).stdout


def record_of(history: GitHistory, budget: int = 10_000, **changes: Any) -> ProcessRecord:
    options = ProcessOptions(token_budget=budget)
    with MirrorReader() as reader:
        return make_record(
            make_input(history, **changes),
            history.path / ".git",
            reader,
            options,
            make_token_counter(ESTIMATE),
        )


def answers_of(record: ProcessRecord) -> dict[str, Any]:
    """Return the answers of the stages by name; reasons where there is none."""
    return {it["stage"]: it["answer"] or it["reason"] for it in record.stages}


def test_every_kind_of_change_is_recreated_or_has_a_reason(history: GitHistory) -> None:
    history.change(
        {
            "birds/fly.py": CODE.replace("return height", "return height + 1"),
            "birds/gone.py": None,
            "birds/moved.py": None,
            "birds/new_name.py": "def move():\n    return 1\n" * 5 + "x = 1\n",
            "birds/dos.py": "a = 1\r\nb = 3\r\n",
            "birds/latin.py": b"# coding: latin-1\nname = '\xe8'\n",
            "birds/old.py": "print 'python two'\n",
            "birds/run.py": "run = 2\n",
            "birds/new.py": "def new():\n    return 1\n",
            "birds/empty.py": "",
            "docs/index.rst": "Birds\n=====\n\nThey fly.\n",
            "picture.png": b"\x89PNG\0\1",
        }
    )
    (history.path / "birds/run.py").chmod(0o755)
    history.git("add", "--all")
    history.git("commit", "--quiet", "--amend", "--no-edit")
    record = record_of(history)
    assert record.reason == ""
    edits = record.edits
    assert edits["recreates"] == "partly"
    assert {(it["path"], it["reason"]) for it in edits["inexpressible"]} == {
        ("birds/gone.py", "deleted-file"),
        ("birds/new_name.py", "renamed-file"),
        ("birds/run.py", "mode-change"),
        ("picture.png", "binary-or-unknown-encoding"),
    }
    assert edits["encodings"] == {"birds/latin.py": "iso-8859-1"}
    blocks = {(it["path"], it["search"], it["replace"]) for it in edits["blocks"]}
    assert ("birds/dos.py", "b = 2\r", "b = 3\r") in blocks
    assert ("birds/run.py", "run = 1", "run = 2\n") in blocks
    assert ("birds/empty.py", "", "") in blocks
    files = {it["path"]: it for it in record.localization["files"]}
    assert {path: it["status"] for path, it in files.items() if it["status"] != "modified"} == {
        "birds/empty.py": "added",
        "birds/gone.py": "deleted",
        "birds/new.py": "added",
        "birds/new_name.py": "renamed",
    }
    assert {path: it["skipped"] for path, it in files.items() if it["skipped"]} == {
        "birds/old.py": "syntax-error",
        "docs/index.rst": "not-python",
        "picture.png": "not-python",
    }
    assert files["birds/new_name.py"]["old_path"] == "birds/moved.py"
    assert answers_of(record)["patch"] == "not-expressible"


def test_stages_have_the_shapes_of_swe_gpt(history: GitHistory) -> None:
    history.commit(birds__fly_py=CODE.replace("return height", "return height + 1"))
    record = record_of(history)
    answers = answers_of(record)
    assert json.loads(answers["files"]) == {"files_to_modify": ["/birds/fly.py"]}
    place = {"file": "birds/fly.py", "method": "fly"}
    assert json.loads(answers["locations"]) == {
        "reason": "The change is in fly in birds/fly.py.",
        "bug_locations": [place],
    }
    assert json.loads(answers["search"]) == {
        "API_calls": ["search_method_in_file('fly', 'birds/fly.py')"],
        "bug_locations": [place],
    }
    (step,) = json.loads(answers["plan"])["plan"]
    assert (step["place"], step["lines"]) == ("fly", [1, 2])
    assert answers["patch"] == (
        "# modification 1\n```python\n<file>birds/fly.py</file>\n"
        "<original>    return height</original>\n<patched>    return height + 1</patched>\n```\n"
    )
    prompts = {it["stage"]: it["prompt"] for it in record.stages}
    assert all(record.problem_statement in it for it in prompts.values())
    assert "- /birds/fly.py\n" in prompts["files"] and "test_fly" not in prompts["files"]
    assert "def fly(height):\n\n\nclass Bird:\n    wings = 2\n" in prompts["locations"]
    assert "return height" not in prompts["locations"]
    assert "def fly(height):\n    return height\n" in prompts["patch"]
    assert all(it["prompt_tokens"] == estimate_tokens(it["prompt"]) for it in record.stages)
    (tags,) = record.localization["swe_gpt"]
    assert tags == {"path": "birds/fly.py", "tags": ("<function>fly</function>",)}


def test_the_repository_fits_into_the_budget(history: GitHistory) -> None:
    history.change({f"birds/kind_{n}.py": f"def kind_{n}():\n    return {n}\n" for n in range(200)})
    history.commit(birds__fly_py=CODE.replace("return height", "return height + 1"))
    wide, narrow = record_of(history), record_of(history, budget=200)
    assert wide.understanding["tree"]["omitted"] == 0
    tree = narrow.understanding["tree"]
    assert tree["omitted"] > 0 and estimate_tokens(tree["text"]) <= 200
    assert "- /birds/fly.py\n" in tree["text"]
    assert f"({tree['omitted']} more files are not listed)" in tree["text"]
    tiny = answers_of(record_of(history, budget=3))
    assert [tiny[it] for it in ("files", "locations", "plan")] == ["over-token-budget"] * 3


def test_paths_that_are_not_utf8_are_told(history: GitHistory, tmp_path: Path) -> None:
    name = "birds/\udce9.py"
    history.change({name: "x = 1\n"})
    history.change({name: "x = 2\n", "birds/fly.py": CODE + "y = 1\n"})
    record = record_of(history)
    assert record.edits["recreates"] == "partly"
    for suffix in ("jsonl", "parquet"):
        write_records([record], tmp_path / f"a.{suffix}", suffix)
        (row,) = read_records(tmp_path / f"a.{suffix}")
        paths = {it["path"]: it["skipped"] for it in row["localization"]["files"]}
        assert paths == {"birds/fly.py": "", "birds/\\udce9.py": "unprintable-path"}


def test_a_submodule_has_no_blocks(history: GitHistory) -> None:
    for digit in "12":
        entry = f"160000,{digit * 40},birds/egg.py"
        history.git("update-index", "--add", "--cacheinfo", entry)
        history.git("commit", "--quiet", "--message", "Move")
    record = record_of(history)
    assert (record.reason, record.edits["recreates"]) == ("", "partly")
    assert [it["reason"] for it in record.edits["inexpressible"]] == ["submodule"]


def test_skeletons_of_what_is_no_python_3_are_skipped_and_told(history: GitHistory) -> None:
    history.change({"birds/fly.py": "print 'fly'\n"})
    history.change({"birds/fly.py": "print 'fly higher'\n"})
    record = record_of(history)
    skipped = {it["path"]: it["reason"] for it in record.understanding["skipped"]}
    assert skipped["birds/fly.py"] == "syntax-error"
    assert answers_of(record)["files"] == "no-python-file-changed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"patch": b""}, "empty-patch"),
        ({"patch": b"no diff"}, "patch-does-not-apply"),
        ({"base_commit": "0" * 40}, "missing-object"),
        ({"base_commit": "no commit"}, "missing-object"),
        ({"problem": "no text in the columns patch"}, "invalid-row"),
    ],
)
def test_an_instance_that_cannot_be_processed_has_a_reason(
    history: GitHistory, changes: dict[str, Any], reason: str
) -> None:
    history.commit(birds__fly_py="x = 1\n")
    record = record_of(history, **changes)
    assert record.reason == reason and record.detail
    assert not record.stages


def test_a_patch_of_another_state_does_not_apply(history: GitHistory) -> None:
    history.commit(birds__fly_py="x = 1\n")
    patch = read_patch(history)
    history.commit(birds__fly_py="y = 1\n")
    assert record_of(history, base_commit=history.head(), patch=patch).reason == (
        "patch-does-not-apply"
    )


def test_large_and_deep_files_are_still_edited(history: GitHistory) -> None:
    lines = [f"line_{number} = {number}\n" for number in range(250_000)]
    deep = "x = " + "-" * 50_000 + "1\n"
    history.change({"birds/large.py": "".join(lines), "birds/deep.py": deep})
    lines[100_000] = "changed = 1\n"
    history.change({"birds/large.py": "".join(lines), "birds/deep.py": deep + "y = 1\n"})
    record = record_of(history)
    assert record.edits["recreates"] == "blocks"
    skipped = {it["path"]: it["skipped"] for it in record.localization["files"]}
    assert skipped == {"birds/large.py": "too-large", "birds/deep.py": "too-deep"}


def test_a_mirror_without_the_content_of_a_file_is_told(history: GitHistory) -> None:
    history.commit(birds__fly_py="x = 1\n")
    oid, patch = history.git("rev-parse", "HEAD~1:birds/fly.py"), read_patch(history)
    (history.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    assert record_of(history, patch=patch).reason == "missing-object"


# The command


@pytest.fixture
def dataset(history: GitHistory, tmp_path: Path) -> Path:
    """A file of rows with a mirror: more than a part of them, and some that are broken."""
    history.commit(birds__fly_py=CODE.replace("return height", "return height + 0"))
    row = {**asdict(make_input(history)), "patch": read_patch(history).decode()}
    rows: list[dict[str, Any]] = [
        {
            **row,
            "instance_id": f"owner__name-{number}",
            "patch": row["patch"].replace("height + 0", f"height + {number}"),
        }
        for number in range(PART_SIZE + 5)
    ]
    rows[3]["patch"] = "broken"
    rows[4]["patch"] = None
    rows[5]["problem_statement"] = "\ud800"
    rows.append(rows[0])
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    shutil.copytree(history.path / ".git", tmp_path / "data/mirrors/owner__name.git")
    return file


def run(tmp_path: Path, *arguments: str) -> Typed:
    return typed(("process", *arguments), tmp_path, {"CURATE_DATA_DIR": str(tmp_path / "data")})


def read_all(folder: Path) -> list[dict[str, Any]]:
    return [row for file in sorted((folder / "data").iterdir()) for row in read_records(file)]


def contents(folder: Path) -> dict[str, bytes]:
    files = (it for it in folder.rglob("*") if it.is_file() and it.suffix != ".lock")
    return {str(it.relative_to(folder)): it.read_bytes() for it in files}


def test_the_command_writes_parts_and_a_summary(dataset: Path, tmp_path: Path) -> None:
    ended = run(tmp_path, "--dataset", dataset.name, "--output", "out", "-j", "1", "--json")
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert summary["instances"] == PART_SIZE + 6
    assert summary["reasons"] == {"invalid-row": 3, "patch-does-not-apply": 1}
    assert summary["stages"]["patch"] == {"made": PART_SIZE + 2}
    assert [it["instance_id"] for it in summary["failed"]] == [
        "owner__name-0",
        "owner__name-3",
        "owner__name-4",
        "owner__name-5",
    ]
    records = read_all(tmp_path / "out")
    assert len(records) == PART_SIZE + 6
    assert {it["schema_version"] for it in records} == {"1.0"}
    assert "patch-does-not-apply 1" in ended.stderr


def test_the_output_is_the_same_with_workers_and_in_parquet(dataset: Path, tmp_path: Path) -> None:
    for name, options in (("one", ["-j", "1"]), ("two", ["-j", "2"])):
        assert run(tmp_path, "--dataset", dataset.name, "--output", name, *options).returncode == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    options = ["-j", "1", "--format", "parquet"]
    assert run(tmp_path, "--dataset", dataset.name, "--output", "table", *options).returncode == 0
    assert read_all(tmp_path / "table") == read_all(tmp_path / "one")


def test_finished_parts_are_kept_and_others_made_again(dataset: Path, tmp_path: Path) -> None:
    arguments = ("--dataset", dataset.name, "--output", "out", "-j", "1")
    run(tmp_path, *arguments)
    before = contents(tmp_path / "out")
    first, second = sorted((tmp_path / "out/data").iterdir())
    inode = first.stat().st_ino
    second.write_bytes(second.read_bytes()[:-100])  # as if it had been cut
    (tmp_path / "out/data/.1.part").write_text("left by a kill")
    ended = run(tmp_path, *arguments)
    assert f"({PART_SIZE:,} kept)" in ended.stderr
    assert first.stat().st_ino == inode
    assert contents(tmp_path / "out") == before
    run(tmp_path, "owner__name-1", *arguments, "--token-budget", "500")
    assert [it["instance_id"] for it in read_all(tmp_path / "out")] == ["owner__name-1"]


def test_a_missing_mirror_is_tried_again(dataset: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "data/mirrors/owner__name.git"
    mirror.rename(tmp_path / "away")
    arguments = ("owner__name-1", "--dataset", dataset.name, "--output", "out", "-j", "1")
    ended = run(tmp_path, *arguments)
    assert ended.returncode == 1
    assert "no-mirror" in ended.stderr
    (tmp_path / "away").rename(mirror)
    assert run(tmp_path, *arguments).returncode == 0
    assert read_all(tmp_path / "out")[0]["reason"] == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["owner__name-999"], 4, "no task owner__name-999"),
        (["--repo", "other/repo"], 4, "No instance matches"),
        (["--tokenizer", "no/such.json"], None, "tokenizer"),
        (["--output", "work"], 2, "not process data"),
        (["--output", "rows.jsonl"], 2, "rows.jsonl"),
        (["--candidates", "none.jsonl"], 4, "none.jsonl"),
        (["--token-budget", "1"], 2, "token-budget"),
    ],
)
def test_wrong_arguments_are_told(
    dataset: Path, tmp_path: Path, arguments: list[str], code: int | None, words: str
) -> None:
    defaults = [] if "--output" in arguments else ["--output", "out"]
    ended = run(tmp_path, *arguments, "--dataset", dataset.name, "-j", "1", *defaults)
    assert ended.returncode == code if code else ended.returncode in (2, 4, 6)
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_attempts_are_judged(dataset: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in dataset.read_text().splitlines()]
    attempts = [
        {"instance_id": "owner__name-1", "model_patch": rows[1]["patch"], "attempt": "same"},
        {"instance_id": "owner__name-1", "model_patch": rows[2]["patch"], "resolved": False},
        {"instance_id": "owner__name-1", "model_patch": "broken"},
        {"instance_id": "owner__name-2", "model_patch": "", "bug_locations": []},
        {"instance_id": "nobody__knows-1", "model_patch": ""},
        "no attempt",
    ]
    lines = "".join(json.dumps(it) + "\n" for it in attempts)
    (tmp_path / "attempts.jsonl").write_text(lines)
    arguments = ("--dataset", dataset.name, "--output", "out", "-j", "1", "--json")
    ended = run(tmp_path, *arguments, "--candidates", "attempts.jsonl", "--preset", "lingma")
    told = json.loads(ended.stdout)["candidates"]
    assert (told["attempts"], told["selected"]) == (6, 1)
    decisions = (tmp_path / "out/decisions.jsonl").read_text().splitlines()
    made = [json.loads(line) for line in decisions]
    assert [it["reasons"] for it in made] == [
        [],
        ["patch-similarity", "tests-failed"],
        ["patch-does-not-apply"],
        ["no-patch", "location-overlap", "patch-similarity"],
        ["unknown-instance"],
        ["invalid-attempt"],
    ]
    assert (made[0]["location_overlap"], made[0]["patch_similarity"]) == (1, 1)


def test_verified_instances_of_the_store_are_the_default(tmp_path: Path) -> None:
    task = make_local_task(tmp_path)
    command = ("git", "rev-parse", "HEAD")
    head = subprocess.run(command, cwd=task.checkout, capture_output=True, check=True).stdout
    candidate = replace(task.candidate, base_commit=head.decode().strip())
    replace(task, candidate=candidate).save(tmp_path / "data")
    mirror = tmp_path / "data/mirrors/owner__name.git"
    shutil.copytree(task.checkout / ".git", mirror)
    ended = run(tmp_path, "--output", "out")
    assert ended.returncode == 0, ended.stderr
    (record,) = read_all(tmp_path / "out")
    assert record["instance_id"] == "owner__name-7"
    assert record["edits"]["recreates"] == "blocks"
    (place,) = record["localization"]["files"][0]["locations"]
    assert (place["name"], place["change"]) == ("double", "modified")


def test_a_part_whose_worker_dies_is_counted_and_tried_again(history: GitHistory) -> None:
    history.commit(birds__fly_py="x = 1\n")
    part = Part(
        folder=history.path,
        name="part",
        suffix="jsonl",
        instances=(make_input(history),),
        mirrors={},
        options=ProcessOptions(),
    )
    counts = count_lost(part, WorkerLostError("process-1", "its process has ended"))
    assert (counts.records, counts.reasons, counts.is_final) == (1, {"worker-lost": 1}, False)
    assert find_finished(part) is None


def test_a_killed_call_is_finished_by_the_same_one(dataset: Path, tmp_path: Path) -> None:
    arguments = ("--dataset", dataset.name, "--output", "out", "-j", "2")
    command = [sys.executable, "-m", "curate", "--data-dir", "data", "process", *arguments]
    child = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    parts = tmp_path / "out/parts"
    while child.poll() is None and not (parts.is_dir() and any(parts.iterdir())):
        time.sleep(0.02)
    child.kill()
    child.communicate()
    (tmp_path / "out/data/.1.dead.part").write_text("cut", encoding="utf-8")
    assert run(tmp_path, *arguments).returncode == 0
    assert len(read_all(tmp_path / "out")) == PART_SIZE + 6
