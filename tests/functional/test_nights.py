"""Nights of `curate rebuild` in a row, each with an event, on doubles and in the local sandbox."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from curate.certification import run as certify
from curate.core.model import Validation
from curate.releases.reader import iter_rows
from curate.releases.row import get_list
from curate.validate import attempts
from tests.doubles.github.samples import stamp
from tests.doubles.hub import HubDouble
from tests.doubles.hub.server import Fault
from tests.helpers.fakes import fake, not_none
from tests.helpers.nights import BIRDS, ISSUES, STONES, Night, NightWorld, night_world
from tests.helpers.stored_world import give_up_soon

DEAD = "http://127.0.0.1:9"
HUB = ("--hub", "lab/tasks", "--publish", "--allow-local-images")
DAY = 86_400
WEEK = timedelta(days=7)
TURNING = "tests/test_10.py::test_turning"
SLOW = "    import time; time.sleep(1)\n"
NEWER = "helper-1.1-py3-none-any.whl"

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NightWorld]:
    with night_world(tmp_path_factory.mktemp("nights")) as served:
        yield served


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    give_up_soon(monkeypatch)


def flaky_test(folder: Path) -> str:
    """A second test: with the gold patch it passes every other time, without it never."""
    return (
        "\n\ndef test_flaky():\n"
        "    assert 20 in birds.DONE\n"
        f"    with open({str(folder / 'runs')!r}, 'a+') as file:\n"
        "        file.write('x')\n"
        "        assert file.tell() % 2\n"
    )


def turning_test(folder: Path) -> str:
    """A second test, which passes every other time from when *folder* has a file `turned`."""
    return (
        "\n\ndef test_turning():\n"
        "    import os.path\n"
        "    assert 10 in birds.DONE\n"
        f"    if os.path.exists({str(folder / 'turned')!r}):\n"
        f"        with open({str(folder / 'turned')!r}, 'a+') as file:\n"
        "            file.write('x')\n"
        "            assert file.tell() % 2\n"
    )


class Nights:
    """Runs night after night and compares with what is expected, by the name of the night."""

    def __init__(self, world: NightWorld) -> None:
        self.world = world
        self.before: Mapping[str, Validation] = {}

    def expect(self, name: str, night: Night, **expected: Any) -> Night:
        """Compare; what is not *expected* is as on a night without any event."""
        after = self.world.validations()
        changed = sorted(key for key, it in after.items() if it != self.before.get(key))
        lost = sorted(self.before.keys() - after.keys())
        self.before = after
        document, release = night.document, night.document["release"]
        found = {
            "code": night.code,
            "new": document["new"],
            "found": night.totals(
                "pulls", "issues", "new_candidates", "changed_candidates", "removed_candidates"
            ),
            "verdicts": changed,
            "lost": lost,
            "verified": night.totals("verified", "rejected", "errors"),
            "left": sum(it["left"] or 0 for it in document["repositories"].values()),
            "requests": len(self.world.github.requests),
            "rows": tuple(release["rows"].get(it, 0) for it in ("train", "raw")),
            "written": release["is_written"],
            "diff": night.diff(),
            "problems": {key: it["exit_code"] for key, it in document["problems"].items()},
        }
        quiet = {
            "code": 0,
            "new": False,
            "found": (0, 0, 0, 0, 0),
            "verdicts": [],
            "lost": [],
            "verified": (0, 0, 0),
            "left": 0,
            "requests": 2,
            "written": False,
            "diff": ([], [], []),
            "problems": {},
        }
        assert {"night": name, **found} == {"night": name, **quiet, **expected}, night.done.stderr
        assert document["new"] or not self.world.index.asked
        assert ("Nothing is new." in night.report) == (not document["new"])
        return night

    def lock_of(self, name: str) -> str:
        """The lock of an instance, by the end of its id."""
        return not_none(self.before[name].environment).lock


def test_ten_nights(world: NightWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nights = Nights(world)
    begin(nights, tmp_path)
    change_pulls_and_packages(nights)
    lose_services(nights, tmp_path)
    leap(nights, monkeypatch)
    cut_off(nights)
    drift(nights, tmp_path, monkeypatch)


def begin(nights: Nights, folder: Path) -> None:
    world = nights.world
    birds, stones = world.projects[BIRDS], world.projects[STONES]
    birds.add_pull(10, more=turning_test(folder))
    birds.add_pull(20, more=flaky_test(folder))
    stones.add_pull(10)
    first = nights.expect(
        "1: two new repositories, one test is flaky",
        world.rebuild(),
        new=True, found=(3, 0, 3, 0, 0), verified=(3, 0, 0), requests=4,
        verdicts=["birds-10", "birds-20", "stones-10"], rows=(3, 3), written=True,
        diff=(["birds-10", "birds-20", "stones-10"], [], []),
    )  # fmt: skip
    assert first.totals("flaky_tests") == (1,)
    assert nights.before["birds-20"].verdict.flaky_tests == ("tests/test_20.py::test_flaky",)

    sums = world.release / "SHA256SUMS"
    made = sums.stat().st_mtime_ns
    quiet = nights.expect("2: nothing is new", world.rebuild(), rows=(3, 3))
    assert quiet.totals("core_seconds", "fetched_bytes", "image_bytes") == (0, 0, 0)
    assert sums.stat().st_mtime_ns == made


def change_pulls_and_packages(nights: Nights) -> None:
    world = nights.world
    birds, stones = world.projects[BIRDS], world.projects[STONES]
    birds.add_pull(30)
    birds.add_pull(32, test=False)
    edited = birds.data.issues[10 + ISSUES]
    edited |= {"body": "It is otherwise. " * 9, "updatedAt": stamp(24 * 40)}
    edited["lastEditedAt"] = stamp(24 * 40)
    night = nights.expect(
        "3: a pull, one without tests, an edited issue",
        world.rebuild(),
        new=True, found=(2, 1, 1, 1, 0), verified=(1, 0, 0), requests=8, verdicts=["birds-30"],
        rows=(4, 4), written=True, diff=(["birds-30"], [], ["birds-10"]),
    )  # fmt: skip
    (train,) = (it for it in night.document["release"]["diff"] if it["split"] == "train")
    assert train["columns"]["problem_statement"] == train["columns"]["statement_edited_after"] == 1

    moved = birds.data.pulls[20]
    moved["baseRefOid"] = birds.history.git("rev-list", "--max-parents=0", "HEAD")
    moved |= {"baseRefName": "maintenance", "updatedAt": stamp(24 * 41)}
    nights.expect(
        "4: a pull is retargeted",
        world.rebuild(),
        new=True, found=(1, 0, 0, 1, 0), verified=(1, 0, 0), verdicts=["birds-20"],
        rows=(4, 4), written=True, diff=([], [], ["birds-20"]),
    )  # fmt: skip

    world.index.yanked.add(NEWER)
    stones.add_pull(45)
    nights.expect(
        "5: a release is yanked",
        world.rebuild(),
        new=True, found=(1, 0, 1, 0, 0), verified=(1, 0, 0), requests=6,
        verdicts=["stones-45"], rows=(5, 5), written=True, diff=(["stones-45"], [], []),
    )  # fmt: skip
    assert "helper==1.0" in nights.lock_of("stones-45")
    assert "helper==1.1" in nights.lock_of("stones-10")

    del world.index.contents[NEWER]
    shutil.rmtree(world.folder / "cache/environments")
    shutil.rmtree(world.folder / "cache/uv")
    birds.add_pull(42)
    nights.expect(
        "6: it vanishes, and so do the environments of this machine",
        world.rebuild(),
        new=True, found=(1, 0, 1, 0, 0), verified=(1, 0, 0), requests=6,
        verdicts=["birds-42"], rows=(6, 6), written=True, diff=(["birds-42"], [], []),
    )  # fmt: skip
    assert "helper==1.0" in nights.lock_of("birds-42")


def lose_services(nights: Nights, folder: Path) -> None:
    world = nights.world
    birds, removed = world.projects[BIRDS], world.projects[STONES].data
    birds.add_pull(60)
    nights.expect(
        "7: GitHub is down",
        world.rebuild(CURATE_GITHUB_API_URL=DEAD),
        code=6, requests=0, rows=(6, 6), problems={BIRDS: 6, STONES: 6},
    )  # fmt: skip

    world.github.world.remove(STONES)
    nights.expect(
        "8: a repository is deleted from GitHub",
        world.rebuild(),
        code=4, new=True, found=(1, 0, 1, 0, 0), verified=(1, 0, 0), requests=6,
        verdicts=["birds-60"], rows=(7, 7), written=True, diff=(["birds-60"], [], []),
        problems={STONES: 4},
    )  # fmt: skip
    world.github.world.add(removed)

    with HubDouble() as hub:
        own = hub.environment(folder / "huggingface")
        birds.add_pull(61)
        hub.faults.append(Fault(part="", method="GET", kind="status", times=1000))
        nights.expect(
            "9: the Hub is down",
            world.rebuild_apart(*HUB, **own),
            code=6, new=True, found=(1, 0, 1, 0, 0), verified=(1, 0, 0), requests=6,
            verdicts=["birds-61"], rows=(8, 8), written=True, diff=(["birds-61"], [], []),
            problems={"release": 6},
        )  # fmt: skip
        hub.faults.clear()
        back = nights.expect(
            "10: the Hub is back", world.rebuild_apart(*HUB, **own), rows=(8, 8), new=True
        )
        assert back.document["release"]["is_pushed"]
        again = nights.expect("11: it has it", world.rebuild_apart(*HUB, **own), rows=(8, 8))
        assert not again.document["release"]["is_pushed"]


def leap(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock is wrong by more than a year, one way and the other."""
    world, true = nights.world, time.time
    for number, days in ((70, 400), (71, -400)):
        moment = datetime.now(UTC) + timedelta(days=days)
        with monkeypatch.context() as patch:
            patch.setattr(attempts, "datetime", fake(now=lambda zone, it=moment: it))
            patch.setattr(time, "time", lambda by=days * DAY: true() + by)
            world.projects[BIRDS].add_pull(number)
            name, count = f"birds-{number}", number - 61
            nights.expect(
                f"12: the clock leaps by {days} days",
                world.rebuild(),
                new=True, found=(1, 0, 1, 0, 0), verified=(1, 0, 0), requests=6, verdicts=[name],
                rows=(count, count), written=True, diff=([name], [], []),
            )  # fmt: skip
        assert abs(nights.before[name].finished_at - moment) < timedelta(minutes=5)
    # HUB is left out again, so the card names no dataset: it is written, and no row differs.
    nights.expect("13: the clock is right again", world.rebuild(), rows=(10, 10))


def cut_off(nights: Nights) -> None:
    world, birds = nights.world, nights.world.projects[BIRDS]
    names = [f"birds-{number}" for number in (80, 81, 82)]
    for number in (80, 81, 82):
        birds.add_pull(number, more=SLOW)
    known = {*nights.before}
    cut = world.rebuild("--max-time", "3s")  # how far it comes is the machine's affair
    assert (cut.code, cut.document["problems"]) == (0, {}), "14: the time limit cuts it off"
    assert cut.document["out_of_time"] and "The time limit was reached" in cut.report
    first = {*world.validations()} - known
    assert first < {*names} and cut.rows["train"] == len(known | first)
    rest = world.rebuild()
    assert (rest.code, rest.document["out_of_time"]) == (0, False), "15: the next night goes on"
    assert rest.totals("verified", "rejected") == (3 - len(first), 0)
    nights.before = world.validations()
    assert {*nights.before} == known | {*names}
    count = len(nights.before)
    assert rest.rows == {"train": count, "raw": count, "lite": rest.rows["lite"]}
    assert rest.diff() == (sorted({*names} - first), [], [])

    birds.add_pull(90, more=SLOW)
    kill_in_the_middle(world.start(), world)
    nights.expect(
        "16: after a kill -9 in the middle",
        world.rebuild(),
        new=True, verified=(1, 0, 0), verdicts=["birds-90"], rows=(count + 1, count + 1),
        written=True, diff=(["birds-90"], [], []),
    )  # fmt: skip
    assert count_unfinished(world) == 0
    nights.expect("17: nothing is left", world.rebuild(), rows=(count + 1, count + 1))


def drift(nights: Nights, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = nights.world
    every = sorted(nights.before)
    rows = len(every), len(every)
    good = nights.expect(
        "18: all are certified",
        world.rebuild("--certify", "100%"),
        new=True, rows=rows, written=True, diff=([], [], every),
    )  # fmt: skip
    assert good.document["certification"]["counts"]["certified"] == len(every)
    assert good.document["certification"]["drift"] == []
    nights.expect("19: the same night again", world.rebuild("--certify", "100%"), rows=rows)

    (folder / "turned").touch()
    monkeypatch.setattr(certify, "datetime", fake(now=lambda zone: datetime.now(zone) + WEEK))
    turned = nights.expect(
        "20: a test turns flaky",
        world.rebuild("--certify", "100%"),
        new=True, rows=rows, written=True, diff=([], [], every),
    )  # fmt: skip
    drifted = turned.document["certification"]["drift"]
    assert {it["test"] for it in drifted} == {TURNING}, "also where it is in PASS_TO_PASS"
    assert "lab__birds-10" in {it["instance_id"] for it in drifted}
    assert f"lab__birds-10: {TURNING}: failed in " in turned.report
    released = {it["instance_id"]: it for it in iter_rows(world.release, "train")}
    row = released["lab__birds-10"]
    assert row["FAIL_TO_PASS"] == ["tests/test_10.py::test_10"]
    assert TURNING in get_list(row, "flaky_tests")
    monkeypatch.setattr(certify, "datetime", fake(now=lambda zone: datetime.now(zone) + 2 * WEEK))
    later = world.rebuild("--certify", "5%")
    assert later.document["certification"]["counts"]["certified"] == 1 + len(drifted)  # suspects
    assert [it["test"] for it in later.document["certification"]["standing"]] == []


def count_unfinished(world: NightWorld) -> int:
    with closing(sqlite3.connect(world.data / "curate.sqlite")) as database:
        (count,) = database.execute("SELECT COUNT(*) FROM unfinished").fetchone()
    return int(count)


def kill_in_the_middle(process: subprocess.Popen[str], world: NightWorld) -> None:
    """Kill the night with all its processes when a step of a validation is stored."""
    while count_unfinished(world) < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
