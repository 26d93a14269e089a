"""Releases as readers see them: datasets, pandas, DuckDB; the commands against the Hub double."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.core.model import CrawlState
from curate.publish.card import CardData
from curate.publish.release import ReleaseContent, write_release
from curate.publish.rows import make_raw_row
from curate.releases import columns
from curate.releases.table import make_table
from curate.store import Store
from tests.doubles.hub import HubDouble
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.fakes import not_none
from tests.helpers.releases import good, raw_row, released

ROOT = Path(__file__).parents[2]
NAME = "curator/tasks"

LOAD = """
import json, sys
from datasets import load_dataset
found = {}
for config, split, name in (("default", "train", "train"), ("default", "lite", "lite"),
                            ("default", "mine", "mine"), ("raw", "train", "raw")):
    whole = load_dataset(sys.argv[1], config, split=split)
    stream = load_dataset(sys.argv[1], config, split=split, streaming=True)
    assert list(stream) == list(whole), name
    found[name] = [whole.column_names, whole["instance_id"][:]]
print(json.dumps(found))
"""


@pytest.fixture
def hub() -> Iterator[HubDouble]:
    with HubDouble() as double:
        yield double


def run(
    hub: HubDouble, home: Path, *arguments: object, cwd: Path = ROOT, expected: int = 0
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CURATE_")}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=kept | hub.environment(home) | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == expected, done.stderr[-3000:]
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    raw = (
        make_raw_row(make_candidate()),
        make_raw_row(make_candidate(instance_id="owner__name-8", pull_number=8)),
    )
    return released(tmp_path / "tasks", good(7), good(9), raw=raw, lite=[good(9)], mine=[good(7)])


def expected() -> dict[str, list[list[str]]]:
    train, raw = (
        [c.name for c in columns] for columns in (columns.TRAIN_COLUMNS, columns.RAW_COLUMNS)
    )
    return {
        "train": [train, ["owner__name-7", "owner__name-9"]],
        "lite": [train, ["owner__name-9"]],
        "mine": [train, ["owner__name-7"]],
        "raw": [raw, ["owner__name-7", "owner__name-8"]],
    }


def test_datasets_loads_every_split_from_a_folder(
    hub: HubDouble, folder: Path, tmp_path: Path
) -> None:
    done = run(hub, tmp_path / "home", "-c", LOAD, folder)
    assert json.loads(done.stdout.splitlines()[-1]) == expected()


def test_the_card_of_a_folder_shows_how_it_is_loaded(hub: HubDouble, tmp_path: Path) -> None:
    content = ReleaseContent(
        card_data=CardData(repo_id="", name="tasks"),
        train=make_table(columns.TRAIN_COLUMNS, [good(7), good(9)]),
        raw=make_table(columns.RAW_COLUMNS, [raw_row(make_candidate())]),
    )
    folder = write_release(tmp_path / "tasks", content)
    text = (folder / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    code = "".join(blocks).replace("path/to/tasks", str(folder))
    calls = re.sub(r"^load_dataset\((.*)\)$", r"print(len(load_dataset(\1)))", code, flags=re.M)
    done = run(hub, tmp_path / "home", "-c", calls)
    assert done.stdout.split() == ["2", "1", "2", "1"]
    assert "swebench eval path/to/tasks/data/train-00000-of-00001.parquet" in text


def test_datasets_loads_every_split_from_the_hub(
    hub: HubDouble, folder: Path, tmp_path: Path
) -> None:
    code = f"from curate.publish.hub import push_folder; from pathlib import Path\npush_folder(Path({str(folder)!r}), {NAME!r})"  # noqa: E501
    run(hub, tmp_path / "home", "-c", code)
    done = run(hub, tmp_path / "home", "-c", LOAD, NAME)
    assert json.loads(done.stdout.splitlines()[-1]) == expected()


def test_pandas_and_duckdb_open_the_parquet(folder: Path) -> None:
    import duckdb
    import pandas

    path = folder / "data/train-00000-of-00001.parquet"
    frame = pandas.read_parquet(path)
    assert list(frame.columns) == [column.name for column in columns.TRAIN_COLUMNS]
    assert list(frame.FAIL_TO_PASS[0]) == good(7)["FAIL_TO_PASS"]
    query = f"SELECT instance_id, len(PASS_TO_PASS), test_strength FROM '{path}' ORDER BY 1"
    assert not_none(duckdb.sql(query)).fetchall() == [
        ("owner__name-7", 2, None),
        ("owner__name-9", 2, None),
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Store(tmp_path / "data") as store:
        for row in (good(7), good(9)):
            number = row["pull_number"]
            one = make_candidate(
                instance_id=row["instance_id"],
                pull_number=number,
                patch=row["patch"].encode(),
                problem_statement=row["problem_statement"],
            )
            store.save_page("owner/name", [make_pull(number, repo="owner/name")], CrawlState())
            store.save_candidate(one)
            store.save_validation("owner/name", make_validation(instance_id=row["instance_id"]))
    return tmp_path


def test_the_commands_one_after_the_other(hub: HubDouble, data: Path, tmp_path: Path) -> None:
    def curate(*arguments: object, expected: int = 0) -> subprocess.CompletedProcess[str]:
        return run(hub, tmp_path / "home", "-m", "curate", *arguments, cwd=data, expected=expected)

    assert "--allow-local-images" in curate("publish", expected=2).stderr
    local = "--allow-local-images"
    chosen = ("--subset", "mine=pull_number = 7", "--where", "pull_number < 99")
    told = curate("publish", local, *chosen).stderr
    assert "train 2 rows, mine 1 rows, raw 2 rows; 0 excluded" in told
    assert "warning: train owner__name-7: image" in curate("publish", "check").stderr
    dry = json.loads(curate("publish", "push", "--hub", NAME, "--dry-run", "--json", local).stdout)
    assert "data/mine-00000-of-00001.parquet" in dry["add"]
    assert not hub.state.repositories
    assert "2 of 2 images" in curate("publish", "push", "--hub", NAME, expected=2).stderr
    curate("publish", "push", "--hub", NAME, "--tag", "v1", local)
    assert hub.state.repositories["dataset", NAME].private
    with Store(data / "data") as store:
        store.save_validation(
            "owner/name", make_validation(instance_id="owner__name-9", curate_version="2")
        )
    curate("publish", local)
    told = curate("publish", "diff", "--hub", NAME).stdout
    assert "train: 0 added, 0 removed, 1 changed\n  curate_version: 1 rows\n" in told
    assert "mine: 0 added, 1 removed, 0 changed" in told
    cost = json.loads(
        curate("publish", "images", "--registry", "r.example/x", "--dry-run", "--json").stdout
    )
    assert (cost["images_to_send"], cost["total_bytes"]) == (2, 0)


def test_push_refuses_what_check_refuses_and_says_why(
    hub: HubDouble, data: Path, tmp_path: Path
) -> None:
    def curate(*arguments: object, expected: int = 0) -> subprocess.CompletedProcess[str]:
        return run(hub, tmp_path / "home", "-m", "curate", *arguments, cwd=data, expected=expected)

    curate("publish", "--release-filters", "swe-gym", "--allow-local-images")
    (tmp_path / "mine.toml").write_text("[license]\nunknown = 'exclude'\n")
    rules = ("--release-filters", tmp_path / "mine.toml")
    assert "error: train owner__name-7: license-unknown" in (
        curate("publish", "check", *rules, expected=1).stderr
    )
    refused = curate("publish", "push", "--hub", NAME, *rules, expected=1)
    assert "owner__name-7: license-unknown" in refused.stderr
    assert not hub.state.repositories


@pytest.mark.parametrize("offline", ["HF_ENDPOINT=http://127.0.0.1:9", "HF_HUB_OFFLINE=1"])
def test_without_a_network_the_hub_is_told_to_be_out_of_reach(
    hub: HubDouble, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: str
) -> None:
    name, _, value = offline.partition("=")
    variables = {**hub.environment(tmp_path / "home"), name: value}
    monkeypatch.setattr(hub, "environment", lambda _: variables)

    def curate(*arguments: object, expected: int = 0) -> str:
        command = ("-m", "curate", "publish", *arguments)
        return run(hub, tmp_path / "home", *command, cwd=data, expected=expected).stderr

    local = "--allow-local-images"
    curate(local)
    for command in (("diff",), ("push", local), ("push", local, "--dry-run")):
        said = curate(*command, "--hub", NAME, expected=6)
        assert "Error: " in said and "Hint: " in said
        assert "Traceback" not in said
