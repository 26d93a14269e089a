"""Stores of several machines become one, in whatever order they are merged."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.core.model import CrawlState
from curate.store import Store
from curate.store.blobs import MIN_FILE_BYTES
from curate.store.merge import merge_stores
from curate.store.process_lock import VALIDATION, process_lock
from tests.helpers.factories import make_pull
from tests.helpers.large_store import fill_store
from tests.helpers.merging import REPO, make_validated, read_rows, store_contents, write_store
from tests.helpers.terminal import typed

DUMPS = Path(__file__).parents[1] / "unit" / "stores"


def merged(folder: Path, *sources: Path) -> Path:
    with Store(folder) as target:
        report = merge_stores(target, sources)
    assert report.skipped == {}
    return folder


def test_stores_are_merged_once(tmp_path: Path) -> None:
    fill_store(tmp_path / "a", candidates=40, verified=4)
    fill_store(tmp_path / "b", candidates=80, verified=6, rejected=2)
    with Store(tmp_path / "all") as target:
        report = merge_stores(target, [tmp_path / "a", tmp_path / "b", tmp_path / "a"])
        assert [(it.pulls, it.validations) for it in report.merged] == [(40, 4), (40, 4)]
        again = merge_stores(target, [tmp_path / "b", tmp_path / "a"])
        assert [(it.pulls, it.validations) for it in again.merged] == [(0, 0), (0, 0)]
        with Store(tmp_path / "b") as b:
            assert list(target.iter_candidates()) == list(b.iter_candidates())
            assert list(target.iter_verified()) == list(b.iter_verified())


@settings(max_examples=12, deadline=None)
@given(st.lists(store_contents(), min_size=3, max_size=3), st.permutations(range(3)))
def test_order_and_repetition_make_no_difference(
    contents: list[dict[str, Any]], order: list[int]
) -> None:
    with tempfile.TemporaryDirectory(prefix="curate-merge-") as name:
        folder = Path(name)
        parts = [write_store(folder / str(n), held) for n, held in enumerate(contents)]
        expected = read_rows(merged(folder / "all", *parts))
        one, two, three = (parts[n] for n in order)
        for number, sources in enumerate(
            (
                (one, two, three),
                (merged(folder / "pair", one, two), three),
                (three, folder / "pair", two, one),
            )
        ):
            assert read_rows(merged(folder / f"other-{number}", *sources)) == expected
        assert read_rows(merged(folder / "all", two, folder / "pair")) == expected
        assert read_rows(merged(parts[order[0]], two, three)) == expected


def validated(folder: Path, number: int, day: int, inputs: str, verdict: str) -> Path:
    """A store with PR 7 and one validation, as `store_contents` would draw it."""
    held: dict[str, Any] = dict.fromkeys(
        ("crawl", "lock", "exclusion", "problem", "grade", "pushed")
    )
    held |= {"issues": {}, "pulls": {7: (1, "first")}}
    return write_store(folder, {**held, "validations": {number: (day, inputs, verdict)}})


def test_contradicting_validations_set_the_instance_aside(tmp_path: Path) -> None:
    sources = [
        validated(tmp_path / "a", 7, 1, "X", "first"),
        validated(tmp_path / "b", 7, 2, "X", "second"),
        validated(tmp_path / "c", 8, 2, "X", "first"),
    ]
    done = typed(("store", "merge", *map(str, sources), "--json"), tmp_path, {})
    assert done.returncode == 0, done.stderr
    aside = json.loads(done.stdout)["set_aside"]
    assert list(aside) == ["owner__name-7"]
    assert [line.partition(" (")[0] for line in sorted(aside["owner__name-7"])] == [
        "verified, 1 FAIL_TO_PASS, 1 PASS_TO_PASS",
        "verified, 2 FAIL_TO_PASS, 0 PASS_TO_PASS",
    ]
    with Store(tmp_path / "data") as store:
        assert [it.instance_id for _, it in store.iter_verified()] == []
        other = store.get_validation("owner__name-8")
        assert other is not None
        assert other.is_verified
    status = typed(("status", "--json"), tmp_path, {})
    (funnel,) = json.loads(status.stdout)["repositories"].values()
    assert funnel["rejected"] == {"merge/contradictory-verdicts": 1}
    told = typed(("status",), tmp_path, {}).stdout
    assert "validations contradict each other: 1. See: curate list" in told
    listed = typed(("list", "--reason", "contradictory-verdicts"), tmp_path, {})
    assert listed.stdout.split()[0] == "owner__name-7"
    shown = typed(("show", "owner__name-7"), tmp_path, {})
    assert "2 FAIL_TO_PASS" in shown.stdout


@pytest.mark.parametrize(
    ("days", "inputs", "verdicts", "expected"),
    [
        ((1, 2), "XX", ("first", "first"), None),  # they agree
        ((1, 2), "XX", ("flaky", "flaky"), ("validate", "flaky-tests")),
        ((1, 2), "XX", ("first", "flaky"), ("merge", "contradictory-verdicts")),
        ((1, 2), "XX", ("flaky", "build"), ("merge", "contradictory-verdicts")),
        ((1, 2), "XY", ("first", "build"), ("build", "failed")),  # the newer one
        ((2, 1), "XY", ("first", "build"), None),
        ((1, 2, 3), "XXY", ("first", "second", "flaky"), ("validate", "flaky-tests")),
        ((1, 3, 2), "XXY", ("first", "second", "flaky"), ("merge", "contradictory-verdicts")),
    ],
)
def test_which_validation_counts(
    tmp_path: Path,
    days: tuple[int, ...],
    inputs: str,
    verdicts: tuple[str, ...],
    expected: tuple[str, str] | None,
) -> None:
    drawn = zip(days, inputs, verdicts, strict=True)
    sources = [validated(tmp_path / str(n), 7, *it) for n, it in enumerate(drawn)]
    for place, order in enumerate(permutations(sources)):
        with Store(merged(tmp_path / f"all-{place}", *order)) as store:
            found = store.get_validation("owner__name-7")
        assert found is not None
        rejection = found.verdict.rejection
        assert (rejection and (rejection.stage, rejection.reason)) == expected


def revalidate(folder: Path, day: int, inputs: str, verdict: str) -> None:
    """Validate PR 7 again, as `--retry-rejected` does."""
    new = make_validated(7, day, inputs, verdict)
    with Store(folder) as store:
        store.save_validation(REPO, new)


@pytest.mark.parametrize(("verdict", "is_verified"), [("first", True), ("build", False)])
def test_what_was_set_aside_can_be_validated_again(
    tmp_path: Path, verdict: str, is_verified: bool
) -> None:
    """Old stores do not bring the contradiction back; a new one may."""
    sources = [
        validated(tmp_path / "a", 7, 1, "X", "first"),
        validated(tmp_path / "b", 7, 2, "X", "second"),
    ]
    target = merged(tmp_path / "all", *sources)
    revalidate(target, 3, "X", verdict)
    merged(target, *sources)
    merged(merged(tmp_path / "other", *sources), target)
    for folder in (target, tmp_path / "other"):
        with Store(folder) as store:
            found = store.get_validation("owner__name-7")
            assert found is not None
            assert found.is_verified is is_verified
            assert store.list_set_aside() == []
    merged(target, validated(tmp_path / "c", 7, 4, "X", "flaky"))
    with Store(target) as store:
        (aside,) = store.list_set_aside()
    assert len(aside.verdicts) == 2


def test_a_shard_may_retry_what_the_target_rejected(tmp_path: Path) -> None:
    target = validated(tmp_path / "all", 7, 1, "X", "build")
    shard = merged(tmp_path / "shard", target)
    revalidate(shard, 2, "X", "first")
    merged(target, shard)
    merged(shard, target)
    for folder in (target, shard):
        with Store(folder) as store:
            assert [it.instance_id for _, it in store.iter_verified()] == ["owner__name-7"]


@pytest.mark.parametrize("dump", sorted(DUMPS.glob("format_*.sql")), ids=lambda dump: dump.stem)
def test_older_stores_are_merged_as_they_are(tmp_path: Path, dump: Path) -> None:
    for name in ("old", "migrated"):
        load_dump(dump, tmp_path / name)
    Store(tmp_path / "migrated").close()
    before = snapshot(tmp_path / "old")
    merged(tmp_path / "all", tmp_path / "old")
    assert snapshot(tmp_path / "old") == before
    assert not list((tmp_path / "all").glob("curate-*"))
    rows, expected = read_rows(tmp_path / "all"), read_rows(tmp_path / "migrated")
    assert {table for table in rows if rows[table] != expected[table]} <= {"crawls"}
    assert rows["validations"]


def load_dump(dump: Path, folder: Path) -> Path:
    """Make a store of an earlier format."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "curate.sqlite")) as database:
        database.executescript(dump.read_text(encoding="utf-8"))
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_sources_stay_as_they_are(tmp_path: Path) -> None:
    """Also one that a killed process left, whose log is read but not worked into its database."""
    plain, killed = tmp_path / "plain", tmp_path / "killed"
    fill_store(plain, candidates=10, verified=2)
    with Store(tmp_path / "open") as store:
        store.save_page("o/r", [make_pull(1)], CrawlState(is_complete=True))
        store.blobs.put(random.Random(1).randbytes(MIN_FILE_BYTES * 2))
        shutil.copytree(tmp_path / "open", killed)
    assert (killed / "curate.sqlite-wal").stat().st_size
    before = snapshot(plain), snapshot(killed)
    target = merged(tmp_path / "all", plain, killed)
    assert (snapshot(plain), snapshot(killed)) == before
    with Store(target) as store:
        assert store.get_pull("o/r", 1) == make_pull(1)
    assert len(list((target / "blobs").rglob("*.zst"))) == 1


def test_a_source_that_cannot_be_merged_does_not_stop_the_others(tmp_path: Path) -> None:
    good = tmp_path / "good"
    fill_store(good, candidates=30, verified=3)
    for name in ("damaged", "cut", "newer", "locked", "tables", "blob", "records", "large"):
        shutil.copytree(good, tmp_path / name)
    content = (tmp_path / "damaged/curate.sqlite").read_bytes()
    half = len(content) // 2
    (tmp_path / "damaged/curate.sqlite").write_bytes(
        content[:4096] + random.Random(1).randbytes(len(content) - 4096)
    )
    (tmp_path / "cut/curate.sqlite").write_bytes(content[:half])
    change(tmp_path / "newer", "PRAGMA user_version = 99")
    change(tmp_path / "tables", "DROP TABLE validations")
    change(tmp_path / "blob", "UPDATE blobs SET data = (SELECT data FROM blobs LIMIT 1)")
    change(tmp_path / "records", "UPDATE pulls SET data = 'no JSON'")
    (tmp_path / "large/blobs/ab").mkdir(parents=True)
    (tmp_path / "large/blobs/ab" / f"{'c' * 62}.zst").write_bytes(b"no zstd")
    (tmp_path / "empty").mkdir()
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing/curate.sqlite").touch()
    (tmp_path / "text").write_text("some text, longer than a header of SQLite")
    (tmp_path / "other").mkdir()
    change(tmp_path / "other", "CREATE TABLE theirs (x)")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder/curate.sqlite").mkdir(parents=True)
    (tmp_path / "loop").symlink_to("loop")
    expected = {
        "pipe": "is no regular file", "folder": "is no regular file", "loop": "cannot be read",
        "damaged": "is damaged", "cut": "is damaged", "newer": "store format 99",
        "locked": "another process of curate is running validation", "tables": "is damaged",
        "blob": "is damaged", "records": "is damaged", "large": "is damaged: blobs/ab/",
        "empty": "has no curate.sqlite", "nothing": "is empty", "text": "is damaged or no store",
        "other": "was not made by curate", "missing": "does not exist",
        "data": "is the store that is merged into",
    }  # fmt: skip
    with process_lock(tmp_path / "locked", VALIDATION):
        done = typed(("store", "merge", *expected, "good", "good", "--json"), tmp_path, {})
    assert done.returncode == 7
    report = json.loads(done.stdout)
    assert {name: expected[name] in report["skipped"].get(name, "") for name in expected} == (
        dict.fromkeys(expected, True)
    )
    assert [it["path"] for it in report["merged"]] == ["good"]
    assert f"{len(expected)} of {len(expected) + 1} stores were not merged" in done.stderr
    assert read_rows(tmp_path / "data") == read_rows(good)
    assert not list((tmp_path / "data").glob("curate-*"))


_KILLED_MERGE = """
import os, signal, sqlite3, sys
from pathlib import Path

left, connect = int(sys.argv[1]), sqlite3.connect

def count(statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def connect_and_count(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.set_trace_callback(count)
    return connection

sqlite3.connect = connect_and_count
from curate.store import Store
from curate.store.merge import merge_stores
with Store(Path(sys.argv[2])) as target:
    report = merge_stores(target, map(Path, sys.argv[3:]))
assert not report.skipped, report
"""


def test_a_merge_that_is_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    sources = [
        validated(tmp_path / "a", 7, 1, "X", "first"),
        validated(tmp_path / "b", 7, 2, "X", "second"),
        load_dump(DUMPS / "format_8.sql", tmp_path / "old"),  # copied and migrated first
        tmp_path / "c",
    ]
    fill_store(tmp_path / "c", candidates=40, verified=3)
    expected = read_rows(merged(tmp_path / "whole", *sources))
    codes = []
    for statements in (3, 25, 45, 70, 95, 120, 150, 10**9):
        command = [sys.executable, "-c", _KILLED_MERGE, str(statements), str(tmp_path / "all")]
        codes.append(subprocess.run([*command, *map(str, sources)], check=False).returncode)
        with closing(sqlite3.connect(tmp_path / "all/curate.sqlite")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert codes[:3] == [-signal.SIGKILL] * 3
    assert codes[-1] == 0
    assert read_rows(tmp_path / "all") == expected
    assert not list((tmp_path / "all").glob("curate-*"))


def test_recipes_are_merged_and_the_newer_one_counts(tmp_path: Path) -> None:
    for name, written in (("a", 100), ("b", 200), ("all", 150)):
        fill_store(tmp_path / name, candidates=1, verified=0)
        (tmp_path / name / "recipes").mkdir()
        for recipe in (f"only-{name}.toml", "both.toml", "same.toml"):
            file = tmp_path / name / "recipes" / recipe
            file.write_text("same" if recipe == "same.toml" else name)
            os.utime(file, (written, written))
    for order in (("a", "b"), ("b", "a")):
        with Store(tmp_path / "all") as target:
            report = merge_stores(target, [tmp_path / name for name in order])
        held = {it.name: it.read_text() for it in (tmp_path / "all/recipes").iterdir()}
        assert held == {
            **{f"only-{name}.toml": name for name in ("a", "b", "all")},
            "both.toml": "b", "same.toml": "same",
        }  # fmt: skip
    assert {it.path.name: it.different_recipes for it in report.merged} == {
        "b": (), "a": ("both.toml",)
    }  # fmt: skip


def change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "curate.sqlite")) as database:
        database.execute(statement)
        database.commit()


def test_a_store_in_a_place_where_nobody_may_write(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="curate-merge-") as name:
        folder = Path(name)
        fill_store(folder / "source", candidates=10, verified=2)
        (folder / "source/curate.sqlite").chmod(0o444)
        (folder / "source").chmod(0o555)
        folder.chmod(0o755)
        merge = partial(merged, folder / "all", folder / "source")
        with as_nobody(folder):
            merge()
        assert read_rows(folder / "all") == read_rows(folder / "source")
        (folder / "source").chmod(0o755)


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Take the right to write everywhere but in the new folder `all` from this process."""
    user = os.geteuid()
    (folder / "all").mkdir()
    if user == 0:
        os.chown(folder / "all", 65534, 65534)
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_database_is_as_good_as_its_directory(tmp_path: Path) -> None:
    fill_store(tmp_path / "source", candidates=10, verified=2)
    (tmp_path / "link").symlink_to(tmp_path / "source")
    file = tmp_path / "source/curate.sqlite"
    with Store(tmp_path / "all") as target:
        report = merge_stores(target, [file, tmp_path / "link", tmp_path / "source"])
    assert [it.path for it in report.merged] == [file]
    assert report.skipped == {}
    assert read_rows(tmp_path / "all") == read_rows(tmp_path / "source")


def test_a_table_without_a_rule_of_its_own_is_merged_by_its_key(tmp_path: Path) -> None:
    for name, rows in (("a", "(1, 'x'), (2, 'y')"), ("b", "(2, 'z'), (3, 'x')"), ("all", "")):
        Store(tmp_path / name).close()
        change(tmp_path / name, "CREATE TABLE later (key PRIMARY KEY, data NOT NULL)")
        if rows:
            change(tmp_path / name, f"INSERT INTO later VALUES {rows}")
    merged(tmp_path / "all", tmp_path / "b", tmp_path / "a")
    assert read_rows(tmp_path / "all")["later"] == [(1, "x"), (2, "z"), (3, "x")]


def test_a_process_that_works_in_the_target_is_not_disturbed(tmp_path: Path) -> None:
    fill_store(tmp_path / "source", candidates=10, verified=2)
    Store(tmp_path / "data").close()
    with process_lock(tmp_path / "data", VALIDATION):
        done = typed(("store", "merge", "source"), tmp_path, {})
    assert done.returncode == 7
    assert "running validation" in done.stderr
    assert read_rows(tmp_path / "data")["pulls"] == []
