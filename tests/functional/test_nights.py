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

from curate.validate import attempts
from tests.doubles.github.samples import stamp
from tests.doubles.hub import HubDouble
from tests.doubles.hub.server import Fault
from tests.helpers.fakes import fake
from tests.helpers.nights import BIRDS, ISSUES, STONES, Night, NightWorld, night_world
from tests.helpers.stored_world import give_up_soon

DEAD = "http://127.0.0.1:9"
HUB = ("--hub", "lab/tasks", "--publish", "--allow-local-images")
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


class Nights:
    """Runs night after night and compares with what is expected, by the name of the night."""

    def __init__(self, world: NightWorld) -> None:
        self.world = world
        self.before: Mapping[str, Any] = {}

    def expect(self, name: str, night: Night, **expected: Any) -> Night:
        """Compare; what is not *expected* is as on a night without any event."""
        after = self.world.validations()
        changed = sorted(key for key, it in after.items() if it != self.before.get(key))
        lost = self.before.keys() - after.keys()
        self.before = after
        document = night.document
        release = document["release"] or {}
        found = {
            "code": night.code,
            "new": document["new"],
            "found": night.totals(
                "pulls", "issues", "new_candidates", "changed_candidates", "removed_candidates"
            ),
            "verdicts": changed,
            "lost": sorted(lost),
            "verified": night.totals("verified", "rejected", "errors"),
            "left": sum(it["left"] or 0 for it in document["repositories"].values()),
            "requests": len(self.world.github.requests),
            "index": bool(self.world.index.asked),
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
            "index": False,
            "written": False,
            "diff": ([], [], []),
            "problems": {},
        }
        assert {"night": name, **found} == {"night": name, **quiet, **expected}, night.done.stderr
        is_told = "Nothing is new." in night.report
        assert is_told == (not document["new"])
        return night


def test_ten_nights(world: NightWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nights, rebuild = Nights(world), world.rebuild
    birds, stones = world.projects[BIRDS], world.projects[STONES]

    birds.add_pull(10)
    birds.add_pull(20, more=flaky_test(tmp_path))
    stones.add_pull(10)
    first = nights.expect(
        "1: two new repositories, one test is flaky",
        rebuild(),
        new=True, found=(3, 0, 3, 0, 0), verified=(3, 0, 0), index=True, requests=4,
        verdicts=["birds-10", "birds-20", "stones-10"], rows=(3, 3), written=True,
        diff=(["birds-10", "birds-20", "stones-10"], [], []),
    )  # fmt: skip
    assert first.totals("flaky_tests") == (1,)
    assert nights.before["birds-20"].verdict.flaky_tests == ("tests/test_20.py::test_flaky",)

    sums = world.release / "SHA256SUMS"
    made = sums.stat().st_mtime_ns
    quiet = nights.expect("2: nothing is new", rebuild(), rows=(3, 3))
    assert quiet.totals("core_seconds", "fetched_bytes", "image_bytes") == (0, 0, 0)
    assert sums.stat().st_mtime_ns == made

    birds.add_pull(30)
    birds.add_pull(32, test=False)
    edited = birds.data.issues[10 + ISSUES]
    edited |= {"body": "It is otherwise. " * 9, "updatedAt": stamp(24 * 40)}
    edited["lastEditedAt"] = stamp(24 * 40)
    night = nights.expect(
        "3: a pull, one without tests, an edited issue",
        rebuild(),
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
        rebuild(),
        new=True, found=(1, 0, 0, 1, 0), verified=(1, 0, 0), verdicts=["birds-20"],
        rows=(4, 4), written=True, diff=([], [], ["birds-20"]),
    )  # fmt: skip

    world.index.yanked.add(NEWER)
    stones.add_pull(45)
    nights.expect(
        "5: a release is yanked",
        rebuild(),
        new=True, found=(1, 0, 1, 0, 0), verified=(1, 0, 0), requests=6, index=True,
        verdicts=["stones-45"], rows=(5, 5), written=True, diff=(["stones-45"], [], []),
    )  # fmt: skip
    assert "helper==1.0" in nights.before["stones-45"].environment.lock
    assert "helper==1.1" in nights.before["stones-10"].environment.lock

    del world.index.contents[NEWER]
    shutil.rmtree(world.folder / "cache")
    birds.add_pull(42)
    nights.expect(
        "6: the release vanishes, and so does the cache",
        rebuild(),
        new=True, found=(1, 0, 1, 0, 0), verified=(1, 0, 0), requests=6, index=True,
        verdicts=["birds-42"], rows=(6, 6), written=True, diff=(["birds-42"], [], []),
    )  # fmt: skip
    assert "helper==1.0" in nights.before["birds-42"].environment.lock

    birds.add_pull(60)
    nights.expect(
        "7: GitHub is down",
        rebuild(CURATE_GITHUB_API_URL=DEAD),
        code=6, requests=0, rows=(6, 6), problems={BIRDS: 6, STONES: 6},
    )  # fmt: skip

    removed = world.projects[STONES].data
    world.github.world.remove(STONES)
    nights.expect(
        "8: a repository is deleted from GitHub",
        rebuild(),
        code=4, new=True, found=(1, 0, 1, 0, 0), verified=(1, 0, 0), requests=6, index=True,
        verdicts=["birds-60"], rows=(7, 7), written=True, diff=(["birds-60"], [], []),
        problems={STONES: 4},
    )  # fmt: skip
    world.github.world.add(removed)

    with HubDouble() as hub:
        own = hub.environment(tmp_path / "huggingface")
        birds.add_pull(61)
        hub.faults.append(Fault(part="", method="GET", kind="status", times=1000))
        nights.expect(
            "9: the Hub is down",
            world.rebuild_apart(*HUB, **own),
            code=6, new=True, found=(1, 0, 1, 0, 0), verified=(1, 0, 0), requests=6, index=True,
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

    for number, days in ((70, 400), (71, -400)):
        leap = datetime.now(UTC) + timedelta(days=days)
        monkeypatch.setattr(attempts, "datetime", fake(now=lambda zone, it=leap: it))
        true = time.time
        monkeypatch.setattr(time, "time", lambda by=days: true() + by * 86400)
        birds.add_pull(number)
        count = 9 + (number - 70)
        name = f"birds-{number}"
        nights.expect(
            f"12: the clock leaps by {days} days",
            rebuild(),
            new=True, found=(1, 0, 1, 0, 0), verified=(1, 0, 0), requests=6, verdicts=[name],
            rows=(count, count), written=True, diff=([name], [], []),
        )  # fmt: skip
        monkeypatch.setattr(time, "time", true)
        monkeypatch.setattr(attempts, "datetime", datetime)
    nights.expect("13: the clock is right again", rebuild(), rows=(10, 10))

    for number in (80, 81, 82):
        birds.add_pull(number, more=SLOW)
    cut = rebuild("--max-time", "3s")
    done = cut.totals("verified")[0]
    names = [f"birds-{number}" for number in (80, 81, 82)]
    assert done < 3
    nights.expect(
        "14: the time limit cuts it off",
        cut,
        new=True, found=(3, 0, 3, 0, 0), verified=(done, 0, 0), requests=6, index=True,
        left=3 - done, verdicts=names[:done], rows=(10 + done, 13), written=True,
        diff=(names[:done], [], []),
    )  # fmt: skip
    assert cut.document["out_of_time"] and "The time limit was reached" in cut.report
    nights.expect(
        "15: the next night goes on",
        rebuild(),
        new=True, verified=(3 - done, 0, 0), verdicts=names[done:], rows=(13, 13), written=True,
        diff=(names[done:], [], []), index=False,
    )  # fmt: skip

    birds.add_pull(90, more=SLOW)
    process = world.start()
    kill_in_the_middle(process, world)
    nights.expect(
        "16: after a kill -9 in the middle",
        rebuild(),
        new=True, verified=(1, 0, 0), verdicts=["birds-90"], rows=(14, 14), written=True,
        diff=(["birds-90"], [], []),
    )  # fmt: skip
    assert count_unfinished(world) == 0
    nights.expect("17: nothing is left", rebuild(), rows=(14, 14))


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
