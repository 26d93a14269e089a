"""What a worker returns with a verdict: the rows that were used for it, for other stores."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from curate.builders.git.tree import GitTree
from curate.builders.metadata.parse import FileRecord
from curate.builders.model import Failure, RequirementsLock
from curate.core.settings import Settings
from curate.environments.backend_question import BackendReply
from curate.environments.group_rows import GroupRows
from curate.environments.stored_answers import find_reply, save_reply
from curate.environments.worker_room import OF_MACHINE, order_room, save_rows, share_known_rows
from curate.store import Store
from curate.store.recording_store import RecordingStore
from curate.store.serialization import dumps, loads
from curate.store.shared_rows import SharedRows
from tests.helpers.git_history import GitHistory

NOW = datetime(2024, 1, 1, tzinfo=UTC)
LOCK = RequirementsLock(text="a==1\n", python="3.11", exclude_newer=NOW)
FAILURE = Failure(stage="build", reason="environment-failed", detail="b", log="all of it")
BINARY = b"\xff\x00 printed"


def work(folder: Path) -> SharedRows:
    """A job that finds one lock, makes another, learns of a failure and prints."""
    with Store(folder) as store:
        store.save_lock("found", LOCK)
        store.save_lock("of another", LOCK)
        known = store.blobs.put(b"of an earlier job")
    with RecordingStore(folder) as store:
        assert store.get_lock("found") and store.get_lock("unknown") is None
        store.save_lock("made", LOCK)
        if store.get_failed_build("environment") is None:
            store.save_failed_build("environment", FAILURE)
        store.blobs.put(BINARY)
        return store.used_rows(["", known])


def test_the_rows_of_a_job_make_another_store_complete(tmp_path: Path) -> None:
    rows = work(tmp_path / "worker")
    assert sorted(rows.locks) == ["found", "made"] and list(rows.failed_builds) == ["environment"]
    assert sorted(rows.blobs) == sorted([BINARY, b"of an earlier job"])
    with Store(tmp_path / "driver") as driver:
        mine = replace(LOCK, text="a==2\n")
        driver.save_lock("found", mine)
        for _ in range(2):  # a job that ran twice
            save_rows(driver, loads(SharedRows, dumps(rows)))
        assert (driver.get_lock("found"), driver.get_lock("made")) == (mine, LOCK)
        assert driver.get_failed_build("environment") == FAILURE


def test_answers_of_several_workers_are_all_found(tmp_path: Path) -> None:
    history = GitHistory.new(tmp_path / "work")
    history.commit(a_py="1", b_py="1")
    mirror = history.path / ".git"
    replies = {
        name: BackendReply(answer=None, error=name, record=FileRecord(read=(name,)))
        for name in ("a.py", "b.py")
    }
    with Store(tmp_path / "driver") as driver, GitTree(mirror, history.head()) as tree:
        for name, reply in replies.items():
            with RecordingStore(tmp_path / name) as store:
                save_reply(store, tree, "build system", reply)
                save_rows(driver, store.used_rows())
        history.commit(a_py="2")
        with GitTree(mirror, history.head()) as changed:
            assert find_reply(driver, changed, "build system", "") == replies["b.py"]
        history.commit(a_py="1", b_py="2")
        with GitTree(mirror, history.head()) as changed:
            assert find_reply(driver, changed, "build system", "") == replies["a.py"]


def test_the_next_worker_of_a_group_gets_what_the_group_has_made_once(tmp_path: Path) -> None:
    rows = work(tmp_path / "worker")
    with Store(tmp_path / "driver") as driver:
        groups = GroupRows(driver)
        assert groups.take("a", "first") == SharedRows()
        save_rows(driver, rows)
        groups.note("a", rows)
        assert groups.take("a", "first") == SharedRows()
        assert groups.take("a", "second") == replace(rows, blobs=())
        assert groups.take("a", "second") == groups.take("b", "second") == SharedRows()


def test_settings_of_a_machine_do_not_travel(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", index_url="http://index")
    order = order_room(settings, "docker")
    assert order.settings["index_url"] == "http://index"
    assert not set(OF_MACHINE) & set(order.settings)
    here = order_room(settings, "docker", is_here=True)
    assert set(OF_MACHINE) - set(here.settings) == {"data_dir"}
    assert here.settings["mirrors_dir"] == str(tmp_path / "data" / "mirrors")


def test_known_rows_are_shared_by_their_content(tmp_path: Path) -> None:
    with Store(tmp_path / "data") as store:
        store.save_lock("k", LOCK)
        plain = share_known_rows(Settings(data_dir=tmp_path / "data"), store)
        shared = Settings(data_dir=tmp_path / "data", shared_files=f"file://{tmp_path}/shared")
        name = share_known_rows(shared, store)
        assert share_known_rows(shared, store) == name
    assert isinstance(plain, bytes) and isinstance(name, str)
    assert (tmp_path / "shared" / name).read_bytes() == plain
    assert list(loads(SharedRows, plain).locks) == ["k"]
