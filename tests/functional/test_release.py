"""Release folders: typed Parquet, a card the Hub reads, checksums; pushed to the Hub double."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import yaml

from curate.core.errors import ConfigurationError
from curate.publish.card import CardData, DatasetSplit, render_card
from curate.publish.folder_changes import FileDigest, FolderChanges, plan_changes
from curate.publish.release import ReleaseContent, check_release, write_release
from curate.releases import columns
from curate.releases.columns import Column
from curate.releases.table import RowTable, make_table
from curate.store.funnel import RepositoryFunnel
from tests.doubles.hub import Fault, HubClient, HubDouble
from tests.doubles.hub.http import Answer, Request

RunScript = Callable[..., Any]  # gives what the script prints, read as JSON


ROOT = Path(__file__).parents[2]


def row(columns: Iterable[Column], number: int) -> dict[str, Any]:
    values = {"string": f"text {number} ü", "int64": number, "list[string]": [str(number)]}
    made = {column.name: values.get(column.kind) for column in columns}
    return {**made, "instance_id": f"owner__name-{number}"}


def table(made_of: tuple[Column, ...], numbers: Sequence[int]) -> RowTable:
    return make_table(made_of, [row(made_of, number) for number in numbers])


def release(numbers: Sequence[int] = (2, 1), raw: Sequence[int] = (1, 2, 3)) -> ReleaseContent:
    funnel = RepositoryFunnel(
        repo="owner/name", pulls=1234, candidates=3, attempted=2, verified=2, rejected={"lock/x": 9}
    )
    return ReleaseContent(
        card_data=CardData(repo_id="curator/tasks", license="mit", funnels=(funnel,)),
        train=table(columns.TRAIN_COLUMNS, numbers),
        raw=table(columns.RAW_COLUMNS, raw),
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_same_release_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    first = contents(write_release(tmp_path / "a", release((2, 1))))
    second = contents(write_release(tmp_path / "b", release((1, 2))))
    assert first == second
    assert sorted(first) == [
        "README.md",
        "SHA256SUMS",
        "data/raw-00000-of-00001.parquet",
        "data/train-00000-of-00001.parquet",
        "swebench-strings/train-00000-of-00001.parquet",
    ]
    assert check_release(tmp_path / "a") == []


def test_parquet_is_typed_sorted_and_compressed(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "a", release())
    file = pyarrow.parquet.ParquetFile(folder / "data/train-00000-of-00001.parquet")
    assert file.schema_arrow.names == [column.name for column in columns.TRAIN_COLUMNS]
    assert str(file.schema_arrow.field("FAIL_TO_PASS").type) == "list<element: string>"
    assert str(file.schema_arrow.field("pull_number").type) == "int64"
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    names = file.read(["instance_id"]).to_pydict()["instance_id"]
    assert names == ["owner__name-1", "owner__name-2"]


def test_one_configuration_has_the_lists_of_tests_as_text(tmp_path: Path) -> None:
    import datasets  # type: ignore[import-untyped]

    folder = str(write_release(tmp_path / "a", release((2, 1))))
    home = str(tmp_path / "home")
    for streaming in (False, True):
        lists = datasets.load_dataset(folder, split="train", streaming=streaming, cache_dir=home)
        texts = datasets.load_dataset(
            folder, "swebench-strings", split="train", streaming=streaming, cache_dir=home
        )
        assert str(texts.features["PASS_TO_PASS"]) == "Value('string')"
        for row, other in zip(lists, texts, strict=True):
            assert list(row) == list(other)
            for name in ("FAIL_TO_PASS", "PASS_TO_PASS"):
                assert json.loads(other.pop(name)) == row.pop(name)
            assert row == other


def test_card_is_valid_and_tells_the_funnel(tmp_path: Path) -> None:
    text = (write_release(tmp_path / "a", release()) / "README.md").read_text(encoding="utf-8")
    metadata = yaml.safe_load(text.split("---")[1])
    assert metadata["license"] == "mit"
    assert [config["config_name"] for config in metadata["configs"]] == [
        "default",
        "swebench-strings",
        "raw",
    ]
    assert "| owner/name | 1,234 | 3 | 2 | 2 |" in text
    assert "| lock/x | 9 |" in text
    assert 'load_dataset("curator/tasks", "raw", split="train")' in text
    for column in (*columns.TRAIN_COLUMNS, *columns.RAW_COLUMNS):
        assert f"| {column.name} |" in text


def test_card_tells_which_splits_are_empty_and_that_no_rows_were_excluded() -> None:
    facts = CardData(
        repo_id="a/b", filters_about="What it must not hold.", subsets={"old": "n < 3"}
    )
    train = DatasetSplit(name="train", columns=columns.TRAIN_COLUMNS, rows=2, size=9_000)
    text = render_card(facts, (train,))
    assert (
        "| train | 2 | 9 kB | verified instances |\n| lite | 0 | no file | rows of train " in text
    )
    assert "| old | 0 | no file | rows of train where `n < 3` |" in text
    assert "lite" not in text.split("---")[1]
    assert "What it must not hold.\n\nNo rows were excluded." in text


def test_releases_are_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "a", release())
    write_release(folder, release(raw=()))
    assert not (folder / "data/raw-00000-of-00001.parquet").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(ConfigurationError, match="nor a release"):
        write_release(tmp_path / "mine", release())
    assert contents(tmp_path / "mine") == {"thesis.txt": b"years of work"}


def test_a_failure_leaves_the_old_release(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "a", release())
    before = contents(folder)
    with pytest.raises(ConfigurationError, match="twice"):
        write_release(folder, release((1, 1)))
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_check_sees_changed_missing_and_extra_files(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "a", release())
    (folder / "README.md").write_text("other")
    (folder / "data/raw-00000-of-00001.parquet").unlink()
    (folder / "more").write_text("x")
    assert len(check_release(folder)) == 3
    assert "is not a release" in check_release(tmp_path)[0]


def test_plan_adds_changes_and_deletes() -> None:
    one, other = FileDigest(git="1", sha256="1"), FileDigest(git="2", sha256="2")
    remote = {
        "same": FileDigest(git="1", sha256=""),
        "old": one,
        ".gitattributes": one,
        "new": other,
    }
    assert plan_changes({"same": one, "new": one}, remote) == FolderChanges(
        add=("new",), delete=("old",)
    )
    assert not plan_changes({"same": one}, {"same": FileDigest(git="lfs pointer", sha256="1")})


PUSH = """
import json, sys
from pathlib import Path
from curate.core.errors import CurateError
from curate.publish.hub import PushOptions, push_folder, tag_commit
try:
    options = json.loads(sys.argv[3])
    name = options.pop("tag", "")
    done = push_folder(
        Path(sys.argv[1]), sys.argv[2], PushOptions(message="release", pause=0.01, **options)
    )
    if name:
        tag_commit(sys.argv[2], name, done.commit)
    print(json.dumps([done.commit, done.changed]))
except CurateError as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""
LOAD = """
import json
from datasets import load_dataset
train = load_dataset("curator/tasks", split="train")
raw = load_dataset("curator/tasks", "raw", split="train", streaming=True)
print(json.dumps([train.column_names, train["FAIL_TO_PASS"][:], len(list(raw))]))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubDouble, HubClient]]:
    with HubDouble() as double, HubClient(double, tmp_path_factory.mktemp("home")) as client:
        yield double, client


@pytest.fixture
def hub(served: tuple[HubDouble, HubClient], monkeypatch: pytest.MonkeyPatch) -> HubDouble:
    """A Hub as new; what a test puts in place of `respond` is gone after it."""
    served[0].forget()
    monkeypatch.setattr(served[0], "respond", served[0].respond)
    return served[0]


@pytest.fixture
def run(hub: HubDouble, served: tuple[HubDouble, HubClient]) -> RunScript:
    return served[1].run


@pytest.fixture
def pushed(run: RunScript) -> RunScript:
    def push(folder: Path, *, token: bool = True, **options: Any) -> Any:
        return run(PUSH, folder, "curator/tasks", json.dumps(options), token=token)

    return push


def commits(hub: HubDouble) -> list[str]:
    repository = hub.state.repositories["dataset", "curator/tasks"]
    return [commit.title for commit in repository.history(repository.find("main"))]


def test_pushed_once_loaded_whole_and_private(
    hub: HubDouble, run: RunScript, pushed: RunScript, tmp_path: Path
) -> None:
    folder = write_release(tmp_path / "release", release())
    commit, changed = pushed(folder)
    assert changed
    assert pushed(folder) == [commit, False]
    names, f2p, raw = run(LOAD)
    assert names == [column.name for column in columns.TRAIN_COLUMNS]
    assert (f2p, raw) == ([["1"], ["2"]], 3)
    assert hub.state.repositories["dataset", "curator/tasks"].private
    held = hub.files("curator/tasks")
    del held[".gitattributes"]
    assert held == contents(folder)
    write_release(folder, release(raw=()))
    pushed(folder)
    assert "data/raw-00000-of-00001.parquet" not in hub.files("curator/tasks")
    assert commits(hub) == ["release", "release", "initial commit"]


@pytest.mark.parametrize("kind", ["lose-answer", "drop", "status"])
def test_a_lost_answer_never_makes_two_commits(
    hub: HubDouble, pushed: RunScript, tmp_path: Path, kind: str
) -> None:
    folder = write_release(tmp_path / "release", release())
    hub.faults.append(Fault(part="/commit/", kind=kind))
    _, changed = pushed(folder)
    assert changed
    assert commits(hub) == ["release", "initial commit"]
    assert sum("/commit/" in seen.path for seen in hub.requests) == (
        1 if kind == "lose-answer" else 2
    )


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("part", ["/commit/", "/_upload/"])
def test_a_push_that_is_killed_is_finished_by_the_next(
    hub: HubDouble,
    pushed: RunScript,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    done: bool,
) -> None:
    folder = write_release(tmp_path / "release", release())
    respond = hub.respond
    children: list[subprocess.Popen[bytes]] = []

    def kill(request: Request) -> Answer | None:
        with hub.state.lock:  # files come side by side
            if part not in request.path or not children:
                return respond(request)
            found = respond(request) if done else None
            children.pop().kill()
            return found

    monkeypatch.setattr(hub, "respond", kill)
    children.append(
        subprocess.Popen(
            [sys.executable, "-c", PUSH, folder, "curator/tasks", "{}"],
            env={**os.environ, **hub.environment(tmp_path / "home")},
            cwd=ROOT,
        )
    )
    assert children[0].wait(120) == -9
    assert pushed(folder)[1] is not (done and part == "/commit/")
    assert commits(hub) == ["release", "initial commit"]
    taken = [seen for seen in hub.requests if seen.method == "PUT" and seen.status == 200]
    assert len(taken) == len({seen.path.partition("?")[0] for seen in taken}) == 3


def test_refusals_are_told_apart(hub: HubDouble, pushed: RunScript, tmp_path: Path) -> None:
    folder = write_release(tmp_path / "release", release())
    assert pushed(folder, token=False)[0] == "AuthenticationError"
    hub.state.create("dataset", "curator/tasks", private=False)
    assert pushed(folder)[0] == "ConfigurationError"
    hub.faults.append(Fault(part="/commit/", kind="status", times=9))
    assert pushed(folder, private=False, max_attempts=2)[0] == "NetworkError"
    assert commits(hub) == ["initial commit"]
    assert pushed(folder, private=False)[0] == "NetworkError"


def test_someone_elses_commit_is_not_overwritten(
    hub: HubDouble, pushed: RunScript, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_release(tmp_path / "release", release())
    repository = hub.state.create("dataset", "curator/tasks", private=True)

    def meddle(request: Request) -> Answer | None:
        if "/preupload/" in request.path and len(repository.commits) == 1:
            repository.add("main", {"theirs": hub.state.entry(b"x", lfs=False)}, "theirs")
        return respond(request)

    respond = hub.respond
    monkeypatch.setattr(hub, "respond", meddle)
    name, message = pushed(folder)
    assert (name, "changed by someone else" in message) == ("CurateError", True)
    assert commits(hub) == ["theirs", "initial commit"]


def test_branches_and_tags_are_made_once_and_tags_stay(
    hub: HubDouble, pushed: RunScript, tmp_path: Path
) -> None:
    folder = write_release(tmp_path / "release", release())
    first, _ = pushed(folder, tag="v1")
    assert pushed(folder, tag="v1") == [first, False]
    write_release(folder, release(raw=()))
    hub.faults.append(Fault(part="/tag/", kind="lose-answer"))
    second, _ = pushed(folder, branch="next", tag="v2")
    repository = hub.state.repositories["dataset", "curator/tasks"]
    assert repository.tags == {"v1": first, "v2": second}
    assert repository.branches == {"main": first, "next": second}
    name, message = pushed(folder, branch="next", tag="v1")
    assert (name, "already has a tag v1" in message) == ("ConfigurationError", True)
    assert repository.tags["v1"] == first


PLAN = """
import json, sys
from pathlib import Path
from curate.publish.hub import plan_push
from curate.releases.hub_client import download_dataset
changes = plan_push(Path(sys.argv[1]), "curator/tasks")
there = download_dataset("curator/tasks", Path(sys.argv[2]))
print(json.dumps([changes.add, changes.delete, there]))
"""


def test_a_plan_changes_nothing_and_what_is_there_can_be_fetched(
    hub: HubDouble, run: RunScript, pushed: RunScript, tmp_path: Path
) -> None:
    folder = write_release(tmp_path / "release", release())
    add, delete, there = run(PLAN, folder, tmp_path / "none")
    assert (add, delete, there) == (sorted(contents(folder)), [], False)
    assert not hub.state.repositories
    pushed(folder)
    old = contents(folder)
    write_release(folder, release(numbers=(1, 2, 3), raw=()))
    add, delete, there = run(PLAN, folder, tmp_path / "there")
    assert there
    assert delete == ["data/raw-00000-of-00001.parquet"]
    assert "data/train-00000-of-00001.parquet" in add
    fetched = contents(tmp_path / "there")
    assert all(fetched[name] == content for name, content in old.items() if "data/" in name)
    assert commits(hub) == ["release", "initial commit"]
