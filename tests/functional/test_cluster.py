"""Jobs on worker processes that are real: placed, lost, done again, and ended with their driver."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from curate import __version__
from curate.builders.errors import EngineUnavailableError, SandboxError
from curate.cluster import members, room
from curate.cluster.bounded import BoundedWork, run_bounded
from curate.cluster.claims import ClaimDesk, Claims, ClaimState
from curate.cluster.connect import open_cluster
from curate.cluster.errors import (
    ClusterError,
    RemoteBugError,
    RemoteFailureError,
    UnfitWorkerError,
)
from curate.cluster.groups import GroupJob, GroupSource
from curate.cluster.members import ClusterSlots
from curate.cluster.process_cluster import ProcessCluster
from curate.cluster.room import Reply, Ticket, open_room, renew_lease, run_in_room
from curate.core.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
TICKET = Ticket(owner="me", run="1")


@dataclass(eq=False)
class EmptyRoom:
    """A room whose jobs wait until it is aborted; it notes that in the folder."""

    folder: str = ""
    claims: Claims = field(default_factory=Claims)
    ended: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self.ended.set()

    def abort(self) -> None:
        self.ended.set()

    def close(self) -> None:
        if self.folder:
            (Path(self.folder) / f"closed-{os.getpid()}").touch()


def make(folder: str, slots: int) -> tuple[EmptyRoom, str]:
    return EmptyRoom(folder), "equal"


def make_without_engine(folder: str, slots: int) -> tuple[EmptyRoom, str]:
    raise EngineUnavailableError("no container engine responds", hint="Start Docker.")


def name_process(room: EmptyRoom, number: int) -> tuple[int, int]:
    time.sleep(0.02)
    return number, os.getpid()


def die_once(room: EmptyRoom, number: int) -> tuple[int, int]:
    """The first job with the number 3 kills its worker."""
    mark = Path(room.folder) / "died"
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number, os.getpid()


def fail_on_first(room: EmptyRoom, number: int) -> tuple[int, int]:
    """The worker that takes the first job has no engine any more."""
    mark = Path(room.folder) / "first"
    with suppress(FileExistsError):
        mark.open("x").write(str(os.getpid()))
    time.sleep(0.1)
    if mark.read_text() == str(os.getpid()):
        raise EngineUnavailableError("no container engine responds")
    return number, os.getpid()


def always_die(room: EmptyRoom, number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(room: EmptyRoom, number: int) -> None:
    raise SandboxError("no such image", hint="Pull it.") if number else ValueError("a bug")


def wait_for_end(room: EmptyRoom, number: int) -> None:
    (Path(room.folder) / f"begun-{number}").touch()
    room.ended.wait(60)


@contextmanager
def workers(
    folder: Path, count: int = 2, maker: Callable[..., Any] = make
) -> Iterator[ClusterSlots]:
    with ClusterSlots(ProcessCluster(count), TICKET, maker, str(folder)) as slots:
        yield slots


def run(
    slots: ClusterSlots,
    function: Callable[..., Any],
    groups: dict[str, range],
    *,
    can_share: bool = False,
) -> tuple[dict[int, Any], dict[int, BaseException]]:
    """Results and errors by number; each must come once."""
    results: dict[int, Any] = {}
    errors: dict[int, BaseException] = {}
    collected: Counter[int] = Counter()

    def submit(worker: str, job: GroupJob[int]) -> "Future[Any]":
        return slots.submit_to(worker, function, job.item)

    def collect(job: GroupJob[int], future: "Future[Any]") -> None:
        collected[job.item] += 1
        if error := future.exception():
            errors[job.item] = error
        else:
            results[job.item] = future.result()

    jobs = [GroupJob(group=name, item=it) for name, numbers in groups.items() for it in numbers]
    source = GroupSource(jobs, slots.list_slots, can_share=can_share)
    run_bounded(slots, source, BoundedWork(submit=submit, collect=collect, abort=slots.abort))
    assert set(collected.values()) == {1} and len(collected) == len(jobs)
    return results, errors


def test_a_group_has_one_worker_and_workers_share_the_groups(tmp_path: Path) -> None:
    with workers(tmp_path) as slots:
        results, errors = run(slots, name_process, {"a": range(10), "b": range(10, 20)})
    assert not errors and [number for number, _ in sorted(results.values())] == list(range(20))
    places = defaultdict(set)
    for number, process in results.values():
        places[number < 10].add(process)
    assert [len(places[it]) for it in (True, False)] == [1, 1]
    assert places[True] != places[False]
    assert len(list(tmp_path.glob("closed-*"))) == 2


def test_an_idle_worker_takes_from_another_group_where_builds_are_shared(tmp_path: Path) -> None:
    with workers(tmp_path) as slots:
        results, _ = run(slots, name_process, {"a": range(40)}, can_share=True)
    assert len({process for _, process in results.values()}) == 2


def test_the_job_of_a_killed_worker_is_done_by_another(tmp_path: Path) -> None:
    with workers(tmp_path) as slots:
        results, errors = run(slots, die_once, {"a": range(6), "b": range(6, 12)})
    assert not errors and sorted(results) == list(range(12))
    assert (tmp_path / "died").exists()


def test_a_job_that_kills_workers_is_given_up_and_the_others_are_done(tmp_path: Path) -> None:
    with workers(tmp_path, 1) as slots:
        results, errors = run(slots, always_die, {"a": range(1)})
    assert not results and "process" in str(errors[0])


def test_a_worker_without_engine_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with workers(tmp_path) as slots:
        results, errors = run(slots, fail_on_first, {"a": range(3), "b": range(3, 6)})
    assert not errors and len(results) == 6
    broken = int((tmp_path / "first").read_text())
    assert broken not in {process for _, process in results.values()}
    assert f"process {broken}) is not used for now: no container engine" in caplog.text


def test_without_any_usable_worker_the_error_names_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "UNFIT_SECONDS", 0.1)
    with (
        workers(tmp_path, maker=make_without_engine) as slots,
        pytest.raises(ClusterError) as failure,
    ):
        run(slots, name_process, {"a": range(3)})
    text = str(failure.value)
    assert failure.value.exit_code == 3 and "same command" in failure.value.hint
    assert "process-1: no container engine responds Start Docker." in text and "process-2" in text


def test_errors_of_a_job_name_the_worker_and_keep_their_hint(tmp_path: Path) -> None:
    with workers(tmp_path, 1) as slots:
        _, errors = run(slots, fail, {"a": range(2)})
    bug, failure = errors[0], errors[1]
    assert isinstance(failure, RemoteFailureError) and failure.hint == "Pull it."
    assert "no such image (on worker process-1" in str(failure)
    assert isinstance(bug, RemoteBugError) and "ValueError: a bug" in str(bug)


def build(room: EmptyRoom, number: int) -> tuple[float, float]:
    """Build what is the same for all; return when that began and ended."""
    with room.claims.hold(("environment", f"own {number}"), room.ended.is_set):
        begun = time.time()
        time.sleep(0.3)
        return begun, time.time()


def test_workers_do_not_build_the_same_at_the_same_time(tmp_path: Path) -> None:
    with workers(tmp_path, 3) as slots:
        results, errors = run(slots, build, {str(it): range(it, it + 1) for it in range(3)})
    assert not errors
    times = sorted(results.values())
    assert all(one[1] <= two[0] for one, two in pairwise(times))


def test_what_a_lost_worker_held_is_free_again() -> None:
    desk, wanted = ClaimDesk(), ClaimState(wanted=(("a", "b"),))
    assert desk.decide("first", wanted) == (("a", "b"),)
    assert desk.decide("second", ClaimState(wanted=(("b",), ("c",)))) == (("c",),)
    assert desk.decide("first", ClaimState(held=("a", "b"))) == ()
    assert desk.decide("second", ClaimState(wanted=(("b",),), held=("c",))) == ()
    desk.forget("first")
    assert desk.decide("second", ClaimState(wanted=(("b",),), held=("c",))) == (("b",),)


def test_ctrl_c_ends_the_jobs_of_all_workers(tmp_path: Path) -> None:
    def submit(worker: str, job: GroupJob[int]) -> "Future[Any]":
        return slots.submit_to(worker, wait_for_end, job.item)

    class Interrupted(ClusterSlots):
        def list_slots(self) -> Mapping[str, int]:
            if len(list(tmp_path.glob("begun-*"))) == 2:
                raise KeyboardInterrupt
            return super().list_slots()

    begun = time.monotonic()
    with Interrupted(ProcessCluster(2), TICKET, make, str(tmp_path)) as slots:
        jobs = [GroupJob(group=str(it), item=it) for it in range(4)]
        source = GroupSource(jobs, lambda: (), can_share=False)
        work = BoundedWork(submit=submit, collect=lambda *_: None, abort=slots.abort)
        with pytest.raises(KeyboardInterrupt):
            run_bounded(slots, source, work)
    assert len(list(tmp_path.glob("closed-*"))) == 2
    assert time.monotonic() - begun < 50  # they would wait for 60 s


def hold(folder: str) -> None:
    """A driver whose jobs wait until they are ended."""
    with workers(Path(folder)) as slots:
        run(slots, wait_for_end, {"a": range(1), "b": range(1, 2)})


def test_workers_end_when_their_driver_is_killed(tmp_path: Path) -> None:
    code = f"from {__name__} import hold; hold({str(tmp_path)!r})"
    driver = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    wait_for_files(tmp_path, "begun-*")
    driver.kill()
    driver.wait()
    wait_for_files(tmp_path, "closed-*")


def wait_for_files(folder: Path, pattern: str) -> None:
    """Wait for two of them."""
    deadline = time.monotonic() + 50
    while len(list(folder.glob(pattern))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def no_room() -> Iterator[None]:
    yield
    room.close_all()


@pytest.mark.usefixtures("no_room")
def test_work_ends_when_the_lease_is_not_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(room, "_WATCH_SECONDS", 0.05)
    open_room(TICKET, __version__, make, str(tmp_path), 1)
    assert run_in_room(TICKET, wait_for_end, 1) == Reply(is_lost="its room was closed")
    assert not renew_lease(TICKET)
    assert run_in_room(TICKET, name_process, 1).is_lost


@pytest.mark.usefixtures("no_room")
def test_a_worker_serves_one_run_and_the_next_of_the_same_owner_takes_over(tmp_path: Path) -> None:
    open_room(TICKET, __version__, make, str(tmp_path), 1)
    with pytest.raises(UnfitWorkerError, match="used by another curate command"):
        open_room(Ticket(owner="other", run="2"), __version__, make, str(tmp_path), 1)
    with ThreadPoolExecutor(1) as thread:
        old = thread.submit(run_in_room, TICKET, wait_for_end, 1)
        while not (tmp_path / "begun-1").exists():
            time.sleep(0.01)
        after = Ticket(owner="me", run="2")
        open_room(after, __version__, make, str(tmp_path), 1)
        assert old.result() == Reply(is_lost="its room was closed")
    assert run_in_room(after, name_process, 5).value == (5, os.getpid())


def test_another_version_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnfitWorkerError, match=r"has curate .*, this is 0\.0\.1: install the same"):
        open_room(TICKET, "0.0.1", make, str(tmp_path), 1)


@pytest.mark.parametrize(
    "address", ["dask", "dask://host", "http://host:1", "ray://:9", "dask://h:x"]
)
def test_an_invalid_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="Invalid cluster"):
        open_cluster(address, 1)


@pytest.mark.parametrize(("address", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_missing_package_is_named(
    address: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=package) as failure:
        open_cluster(f"{address}://127.0.0.1:9", 1)
    assert failure.value.hint == f"Run: pip install 'swe-curate[{address}]'"
