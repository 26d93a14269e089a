"""Every command with files of another kind, odd ids, and stores that it cannot read."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from curate.store.tables import FORMAT_VERSION
from tests.helpers.command_tree import INSTANCE, REPO, Command, list_commands
from tests.helpers.stored_world import run
from tests.helpers.terminal import Typed

EVERY = list_commands()
every_command = pytest.mark.parametrize("command", EVERY, ids=str)
STORE = 7  # exit code


def run_and_read(line: tuple[str, ...], folder: Path) -> Typed:
    """Run a command; an error of its input has a hint, or is in the box of a usage error."""
    done = run(line, folder)
    if done.returncode in {2, 4, STORE} and "╭" not in done.stderr:
        assert "Hint: " in done.stderr, (line, done.stderr)
    return done


def write_parquet(path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), path)


def write_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (a)")


def writer(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


KINDS: dict[str, Callable[[Path], None]] = {
    "nothing": writer(b""),
    "picture": writer(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "parquet": write_parquet,
    "sqlite": write_sqlite,
    "gzip": writer(b"\x1f\x8b\x08\0\0\0\0\0"),
    "toml": writer(b"a = 1\n"),
    "toml-with-mark": writer(b"\xef\xbb\xbfa = 1\r\n"),
    "rows": writer(b'{"a": 1}\n'),
    "rows-with-mark": writer(b'\xef\xbb\xbf{"a": 1}\r\n'),
    "rows-utf16": writer('{"a": 1}\n'.encode("utf-16")),
    "array": writer(b'[{"a": 1}]'),
    "numbers": writer(b"1\n2\n"),
    "null": writer(b"null\n"),
    "deep-json": writer(b"[" * 100_000),
    "deep-toml": writer(b"a = " + b"[" * 100_000),
    "directory": Path.mkdir,
}


@every_command
@pytest.mark.parametrize("suffix", ["toml", "jsonl", "parquet", "x"])
def test_files_of_another_kind(command: Command, suffix: str, folder: Path) -> None:
    for kind, write in KINDS.items():
        name = f"{kind}.{suffix}"
        write(folder / name)
        for line in command.path_lines(name):
            run_and_read(line, folder)


@every_command
def test_configuration_with_byte_order_mark_and_crlf(command: Command, folder: Path) -> None:
    expected = run(command.line(), folder)
    (folder / "curate.toml").write_bytes(b'\xef\xbb\xbfdata_dir = "data"\r\n')
    assert run(command.line(), folder).returncode == expected.returncode
    KINDS["deep-toml"](folder / "curate.toml")
    assert run_and_read(command.line(), folder).returncode == 2


def test_a_recipe_and_a_list_with_byte_order_mark(folder: Path) -> None:
    recipe = b'\xef\xbb\xbfrepo = "owner/name"\r\n[defaults]\r\n'
    (folder / "owner__name.toml").write_bytes(recipe)
    assert run(("recipe", "check", "owner__name.toml"), folder).returncode == 0
    row = b'\xef\xbb\xbf{"instance_id": "a__b-1", "patch": ""}\r\n'
    (folder / "rows.jsonl").write_bytes(row)
    assert run(("publish", "benchmark-list", "rows.jsonl"), folder).returncode == 0


SAME_IDS = [
    "owner/name#7",
    "https://github.com/owner/name/pull/7",
    "https://github.com/owner/name/pull/7/files",
    "github.com/owner/name/pull/7",
    "Owner/Name#7",
    f" {INSTANCE}\r",
    f"{INSTANCE},",
]
OTHER_IDS = ["7", "#7", REPO, "owner__name", "owner__name-99", "https://github.com/owner/name"]
SAME_REPOS = ["https://github.com/owner/name", "git@github.com:owner/name.git", "Owner/Name"]
OTHER_REPOS = ["owner__name", "owner/name#7", "owner/name/tree/main", "https://gitlab.com/o/n", ""]


def list_names(command: Command, metavar: str) -> list[str]:
    return [it.name for it in command.parameters if it.metavar == metavar and it.name != "hub"]


@every_command
def test_ids_and_repositories_as_they_are_copied(command: Command, folder: Path) -> None:
    for metavar, usual, same in (("ID", INSTANCE, SAME_IDS), ("OWNER/NAME", REPO, SAME_REPOS)):
        for name in list_names(command, metavar):
            expected = run(command.line(**{name: usual}), folder)
            for value in same:
                done = run(command.line(**{name: value}), folder)
                assert done.returncode == expected.returncode, (value, done.stderr)


@every_command
def test_ids_and_repositories_that_are_none(command: Command, folder: Path) -> None:
    for metavar, others in (("ID", OTHER_IDS), ("OWNER/NAME", OTHER_REPOS)):
        for name in list_names(command, metavar):
            for value in others:
                done = run_and_read(command.line(**{name: value or "''"}), folder)
                assert done.returncode in {2, 4}, (value, done.stderr)


READERS = [
    ("status",),
    ("list",),
    ("list", "--state", "rejected", "--reason", "flaky-tests"),
    ("show", INSTANCE),
    ("logs", INSTANCE),
    ("exclude", INSTANCE, "--reason", "needs a GPU"),
    ("validate", INSTANCE),
    ("recipe", "explain", INSTANCE),
]


@pytest.mark.parametrize("line", READERS, ids=" ".join)
def test_before_the_first_crawl_the_next_command_is_named(
    line: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(line, tmp_path)
    said = done.stdout + done.stderr
    assert "The store in data is empty" in said or "the store in data is empty" in said
    assert "Start with: curate crawl OWNER/NAME" in said
    assert line[0] in ("validate", "recipe") or not list(tmp_path.iterdir())


@pytest.mark.parametrize("line", READERS[4:], ids=" ".join)
def test_a_pull_request_that_is_no_candidate(line: tuple[str, ...], folder: Path) -> None:
    done = run(tuple(word.replace(INSTANCE, "owner/name#8") for word in line), folder)
    assert done.returncode == 4
    assert "owner__name-8 is no candidate: it was rejected as crawl/no-tests." in done.stderr


@pytest.mark.parametrize("value", SAME_IDS)
def test_a_candidate_is_excluded_by_any_name(value: str, folder: Path) -> None:
    done = run(("exclude", value, "--reason", "needs a GPU"), folder)
    assert done.stderr == f"{INSTANCE} excluded: needs a GPU\n"
    assert run(("exclude", value, "--undo"), folder).returncode == 0


def test_a_choice_that_is_none_names_the_others(folder: Path) -> None:
    done = run(("list", "--state", "verifed"), folder)
    assert done.returncode == 2
    assert "Invalid value for '--state': 'verifed' is not one of" in " ".join(done.stderr.split())


def make_newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def overwrite_pages(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


def replace_by_another(file: Path) -> None:
    file.unlink()
    write_sqlite(file)


STORES = {
    "newer": make_newer,
    "cut": cut,
    "overwritten": overwrite_pages,
    "of-another": replace_by_another,
    "picture": KINDS["picture"],
    "text": writer(b"instance_id,repo\n" * 1000),
}


@every_command
@pytest.mark.parametrize("damage", STORES)
def test_stores_that_cannot_be_read(command: Command, damage: str, folder: Path) -> None:
    usual = run(command.line(), folder)
    shutil.rmtree(folder / "data/recipes", ignore_errors=True)  # a draft
    for file in (folder / "data").glob("curate.sqlite*"):
        if file.name != "curate.sqlite":
            file.unlink()
    STORES[damage](folder / "data/curate.sqlite")
    done = run_and_read(command.line(), folder)
    assert done.returncode in {STORE, usual.returncode}, done.stderr


@every_command
def test_a_release_directory_of_nothing(command: Command, folder: Path) -> None:
    for name in ("data/release", "empty"):
        (folder / name).mkdir()
    (folder / "data/release/data").mkdir()
    for line in (command.line(), *command.path_lines("empty")):
        run_and_read(line, folder)
