"""Exports: files of other tools, pure."""

import json
import re
import subprocess
import tomllib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from curate.core.errors import ConfigurationError
from curate.publish.export.folder import render_folder_row
from curate.publish.export.harbor import HarborDataset, NetworkMode
from curate.publish.export.run import write_rows
from curate.publish.export.swebench import render_repository, render_repository_task
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS
from curate.releases.image_names import derive_swebench_name
from curate.releases.row import Row
from curate.releases.table import RowTable, make_table
from tests.helpers.releases import IMAGE, good


def test_a_task_repository_has_every_column_once() -> None:
    row = good(7, hints_text="a hint")
    files = {**render_repository("o/n"), **dict(render_repository_task("o/n", row))}
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
    assert "tasks/owner__name-8/hints.md" not in dict(render_repository_task("o/n", good(8)))


def test_a_task_after_which_no_image_can_be_named_has_another_id() -> None:
    files = dict(render_repository_task("o/n", good(7, instance_id="some-lab__kestrel_-7")))
    (name,) = (name for name in files if name.endswith("/task.yaml"))
    task = yaml.safe_load(files[name])
    assert name == f"tasks/{task['instance_id']}/task.yaml"
    assert task["source_instance_id"] == "some-lab__kestrel_-7"
    assert task["image"] == derive_swebench_name(task["instance_id"])
    assert re.fullmatch(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*", task["instance_id"])


@pytest.mark.parametrize("dumper", [yaml.SafeDumper, getattr(yaml, "CSafeDumper", yaml.SafeDumper)])
def test_odd_texts_of_a_task_are_read_as_they_were_written(
    monkeypatch: pytest.MonkeyPatch, dumper: type[yaml.SafeDumper]
) -> None:
    odd = (
        "null",
        "1e3",
        "- x: #y",
        " a\n\n b ",
        "\t",
        "\x85\u2028\ufeff",
        "漢😀",
        "é" * 300,
        "'\"\\",
    )
    monkeypatch.setattr(yaml, "CSafeDumper", dumper)
    row = good(7, lock_adjustments=list(odd), python=odd[0], lock="\n".join(odd))
    files = dict(render_repository_task("o/n", row))
    task = yaml.safe_load(files["tasks/owner__name-7/task.yaml"])
    assert (task["lock_adjustments"], task["python"]) == ([*odd], odd[0])
    assert task["lock"] == row["lock"]


def test_a_harbor_task_gives_tests_to_its_verifier_alone() -> None:
    row = good(7)
    files = dict(HarborDataset(name="d").render_task(row))
    task = tomllib.loads(files["tasks/owner__name-7/task.toml"])
    assert task["schema_version"] == "1.4"
    assert task["task"]["name"] == "curate/owner__name-7"
    assert task["verifier"]["environment_mode"] == "separate"
    assert task["environment"]["docker_image"] == IMAGE.reference
    assert task["environment"]["network_mode"] == "public"
    (hook,) = task["verifier"]["collect"]
    assert row["base_commit"] in hook["command"]
    assert "user" not in task["verifier"] | hook  # not every reader takes it; images run as root
    telling = {path.split("/")[2] for path, text in files.items() if "t.py::a" in text}
    assert telling == {"tests"}
    offline = dict(HarborDataset(name="d", network=NetworkMode.NO_NETWORK).render_task(row))
    task = tomllib.loads(offline["tasks/owner__name-7/task.toml"])
    for place in (task["environment"], task["verifier"]["environment"]):
        assert place["network_mode"] == "no-network"


@pytest.mark.parametrize("odd", ["\x00\x1f\x7f", 'a"b\\', "ü😀\u2028", "'''\"\"\""])
def test_odd_texts_of_a_harbor_task_are_read_as_they_were_written(odd: str) -> None:
    files = dict(HarborDataset(name="d").render_task(good(7, license_spdx=odd)))
    task = tomllib.loads(files["tasks/owner__name-7/task.toml"])
    assert task["metadata"]["license"] == odd


def test_harbor_lists_what_was_rendered(tmp_path: Path) -> None:
    rows = [good(7), good(8, **BAD_ROWS["another type"]), good(9)]
    write_rows(make_table(TRAIN_COLUMNS, rows), "verified", "harbor", tmp_path / "a b..c")
    manifest = tomllib.loads((tmp_path / "a b..c/dataset.toml").read_text())
    assert manifest["dataset"]["name"] == "curate/a-b-c"
    names = ["owner__name-7", "owner__name-9"]
    assert [it["name"] for it in manifest["tasks"]] == [f"curate/{name}" for name in names]
    (entry,) = json.loads((tmp_path / "a b..c/registry.json").read_text())
    assert [it["path"] for it in entry["tasks"]] == [f"tasks/{name}" for name in names]
    assert entry["version"] == manifest["dataset"]["version"]


def test_the_verifier_is_one_file_that_old_pythons_read() -> None:
    files = dict(HarborDataset(name="d").render_task(good(7)))
    text = files["tasks/owner__name-7/tests/verify_task.py"]
    assert "from curate" not in text
    compile(text, "verify_task.py", "exec")
    for old in sorted((Path.home() / ".pyenv/versions").glob("3.[678]*/bin/python")):
        check = "import sys; compile(sys.stdin.buffer.read(), 'p', 'exec')"
        subprocess.run([old, "-c", check], input=text.encode(), check=True)


def test_lines_for_nemo_gym_have_the_object_that_its_server_reads(tmp_path: Path) -> None:
    rows = make_table(TRAIN_COLUMNS, [good(7)])
    write_rows(rows, "verified", "nemo-gym", tmp_path / "rows.jsonl")
    (line,) = (tmp_path / "rows.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert set(row["install_config"]) == {"install", "test_cmd", "log_parser"}
    assert {**row, "install_config": json.dumps(row["install_config"])} == good(7)


def test_a_plain_folder_has_rows_locks_and_dockerfiles() -> None:
    row = good(7, dockerfiles=json.dumps({"base": "FROM a\n", "instance": "FROM b\n"}))
    files = dict(render_folder_row(row))
    assert json.loads(files["rows.jsonl"]) == row
    assert files["images/owner__name-7/lock.txt"] == "a==1\n"
    assert files["images/owner__name-7/2-instance.Dockerfile"] == "FROM b\n"


def test_folders_appear_whole_scripts_can_be_run_and_nothing_is_overwritten(tmp_path: Path) -> None:
    write_rows(make_table(TRAIN_COLUMNS, [good(7)]), "verified", "harbor", tmp_path / "tasks")
    script = tmp_path / "tasks/tasks/owner__name-7/tests/test.sh"
    assert script.stat().st_mode & 0o111
    with pytest.raises(ConfigurationError, match="not empty"):
        write_rows(make_table(TRAIN_COLUMNS, [good(7)]), "verified", "folder", tmp_path / "tasks")
    with pytest.raises(ConfigurationError, match="verified"):
        write_rows(make_table(RAW_COLUMNS), "raw", "folder", tmp_path / "other")
    with pytest.raises(ConfigurationError, match="standard output"):
        write_rows(make_table(TRAIN_COLUMNS), "verified", "swebench", Path("-"))
    assert [path.name for path in tmp_path.iterdir()] == ["tasks"]


BAD_ROWS: dict[str, dict[str, object]] = {
    "half a surrogate": {"problem_statement": "\ud800"},
    "another type": {"image": None, "PASS_TO_PASS": 7, "dockerfiles": None, "lock": b"\xff"},
}


@pytest.mark.parametrize("form", ["jsonl", "parquet", "swebench", "harbor", "folder"])
@pytest.mark.parametrize("bad", BAD_ROWS)
def test_a_row_that_cannot_be_rendered_is_left_out_with_a_reason(
    form: str, bad: str, tmp_path: Path
) -> None:
    rows = [good(6), good(7, **BAD_ROWS[bad]), good(8)]
    path = tmp_path / f"rows.{form}" if form in ("jsonl", "parquet") else tmp_path / "rows"
    (left_out,) = write_rows(make_table(TRAIN_COLUMNS, rows), "verified", form, path)
    assert (left_out.instance_id, left_out.reason) == ("owner__name-7", "unexpected-error")
    files = [path] if path.is_file() else [it for it in path.rglob("*") if it.is_file()]
    written = b"".join(str(it).encode() + it.read_bytes() for it in files)
    assert b"owner__name-6" in written and b"owner__name-8" in written
    assert b"owner__name-7" not in written


def test_a_row_that_cannot_be_read_is_left_out_with_a_reason(tmp_path: Path) -> None:
    rows = {f"owner__name-{number}": good(number) for number in (6, 7, 8)}
    del rows["owner__name-7"]

    def read(ids: Sequence[str], _: Collection[str]) -> Iterator[Row]:
        return (rows[name] for name in ids)

    ids = [f"owner__name-{number}" for number in (6, 7, 8)]
    table = RowTable(columns=TRAIN_COLUMNS, ids=ids, read=read)
    path = tmp_path / "rows.jsonl"
    (left_out,) = write_rows(table, "verified", "jsonl", path)
    assert left_out.instance_id == "owner__name-7"
    written = [json.loads(line)["instance_id"] for line in path.read_text().splitlines()]
    assert written == ["owner__name-6", "owner__name-8"]


def test_a_hint_can_be_typed_whatever_the_folder_is_called(tmp_path: Path) -> None:
    path = tmp_path / "a b;c" / "rows.jsonl"
    with pytest.raises(ConfigurationError) as caught:
        write_rows(make_table(TRAIN_COLUMNS), "verified", "jsonl", path)
    assert caught.value.hint == f"Run: mkdir -p '{path.parent}'"
