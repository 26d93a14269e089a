"""Stores of earlier releases are brought to the current format; stores may be read-only."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from curate.core.errors import StoreError
from curate.core.model import Candidate, CrawlState
from curate.store import Store, migrations
from curate.store.tables import FORMAT_VERSION
from tests.helpers.factories import make_candidate, make_pull, make_validation

DUMPS = Path(__file__).parent / "stores"  # each written by the last commit with that format
NOBODY = 65534


@pytest.fixture(params=sorted(DUMPS.glob("format_*.sql")), ids=lambda dump: dump.stem)
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A data directory of an older format, with candidates 7 (verified), 8 (rejected) and 9."""
    with sqlite3.connect(tmp_path / "curate.sqlite") as database:
        database.executescript(request.param.read_text(encoding="utf-8"))
    database.close()
    return tmp_path


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that any user can reach; the user of this process is restored."""
    folder, user = Path(tempfile.mkdtemp(prefix="curate-")), os.geteuid()
    folder.chmod(0o755)
    yield folder
    os.seteuid(user)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def stored(number: int) -> Candidate:
    statement = f"Case {number} is not as the manual says."
    return make_candidate(number, pull_number=number, problem_statement=statement)


def read_format(folder: Path) -> int:
    with sqlite3.connect(folder / "curate.sqlite") as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def read_schema(folder: Path) -> dict[str, Any]:
    with sqlite3.connect(folder / "curate.sqlite") as database:
        names = database.execute("SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sql%'")
        pragmas = {"table": "table_info", "index": "index_xinfo"}
        return {
            name: database.execute(f"PRAGMA {pragmas[kind]}({name})").fetchall()
            for kind, name in names.fetchall()
        }


def test_a_store_of_an_older_format_keeps_everything(old: Path, tmp_path: Path) -> None:
    with Store(old) as store:
        assert [store.get_candidate(f"owner__name-{n}") for n in (7, 8, 9)] == [
            stored(n) for n in (7, 8, 9)
        ]
        assert store.get_validation("owner__name-7") == make_validation(7)
        assert [made.instance_id for _, made in store.iter_verified()] == ["owner__name-7"]
        (funnel,) = store.list_funnels()
        assert (funnel.pulls, funnel.candidates, funnel.attempted, funnel.verified) == (4, 3, 2, 1)
        assert store.get_lock("k") is not None
        assert store.pushed_images("r.example/x").keys() == {"owner__name-7"}
        assert store.manual_exclusions.read_all() == {}
        assert store.eval_checks.load() == {}
        store.eval_checks.save(("sha256:abc", "inputs"), "gold patch: t: FAILED")
        assert store.eval_checks.load() == {("sha256:abc", "inputs"): "gold patch: t: FAILED"}
        hashes = store.candidate_hashes()
        assert len(set(hashes.values())) == 3 and all(hashes.values())
    assert read_format(old) == FORMAT_VERSION
    with Store(tmp_path / "new") as store:
        store.save_page(
            "owner/name",
            [make_pull(n, repo="owner/name") for n in (7, 8, 9)],
            CrawlState(is_complete=True),
        )
        for number in (7, 8, 9):
            store.save_candidate(stored(number))
        assert store.candidate_hashes().keys() == hashes.keys()
    assert read_schema(old) == read_schema(tmp_path / "new")


def test_a_migration_that_is_interrupted_changes_nothing(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, last = read_format(old), FORMAT_VERSION - 1
    with monkeypatch.context() as patch:
        broken = (*migrations.STEPS[last], "INSERT INTO no_table VALUES (1);")
        patch.setattr(migrations, "STEPS", {**migrations.STEPS, last: broken})
        with pytest.raises(StoreError, match="no_table"):
            Store(old)
    assert read_format(old) == found
    Store(old).close()
    assert read_format(old) == FORMAT_VERSION


@pytest.mark.parametrize("is_new", [True, False])
def test_one_of_several_processes_does_the_work(old: Path, tmp_path: Path, is_new: bool) -> None:
    folder = tmp_path / "new" if is_new else old

    def open_store(_: int) -> list[str]:
        with Store(folder) as store:
            return list(store.candidate_hashes())

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(open_store, range(8)))
    assert found == [[] if is_new else [f"owner__name-{n}" for n in (7, 8, 9)]] * 8


@pytest.mark.parametrize("version", [1, 5, 99])
def test_formats_that_no_release_has_written_are_refused(old: Path, version: int) -> None:
    with sqlite3.connect(old / "curate.sqlite") as database:
        database.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(StoreError, match=f"format {version}"):
        Store(old)
    assert read_format(old) == version


def make_read_only(folder: Path) -> None:
    """Take the right to write from this process, whoever it is."""
    (folder / "curate.sqlite").chmod(0o444)
    folder.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)


def test_a_store_that_cannot_be_written_is_read(public: Path) -> None:
    with Store(public) as store:
        store.save_page(
            "owner/name", [make_pull(7, repo="owner/name")], CrawlState(is_complete=True)
        )
        store.save_candidate(stored(7))
    make_read_only(public)
    with Store(public) as store:
        assert store.get_candidate("owner__name-7") == stored(7)
        store.derived.save("kind", [("key", "inputs", b"data")])
        assert store.derived.get("kind", "key", "inputs") == b"data"
        assert list(store.derived.iter_data("kind", ["key", "other"])) == [("key", b"data")]
        with pytest.raises(StoreError, match="readonly"):
            store.save_candidate(stored(8))
    with Store(public) as store:
        assert store.derived.get("kind", "key", "inputs") is None


def test_an_old_store_that_cannot_be_written_is_refused(public: Path) -> None:
    with sqlite3.connect(public / "curate.sqlite") as database:
        database.executescript((DUMPS / "format_6.sql").read_text(encoding="utf-8"))
    database.close()
    make_read_only(public)
    with pytest.raises(StoreError, match="format 6 and cannot be written"):
        Store(public)
