"""kill -9 at random moments: the store ends up as if nothing had happened, nothing asked twice."""

import signal
import time
from pathlib import Path

import pytest

from tests.doubles.github.faults import Fault, Kind
from tests.doubles.github.samples import stamp
from tests.doubles.github.server import GitHubDouble
from tests.helpers.crawling import REPO, ServedProject, build_served_project
from tests.helpers.kill_loop import INTERRUPTED, crawl_command, kill_often, start_crawl
from tests.helpers.store_snapshot import content

LATENCY = 0.1
SECRET = "ghp_" + "k" * 36


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> ServedProject:
    return build_served_project(tmp_path_factory.mktemp("project"), fit=40, unfit=860)


def undisturbed(served: ServedProject, folder: Path) -> None:
    with GitHubDouble(served.world, latency=LATENCY) as double:
        process = start_crawl(crawl_command(folder, REPO, served.mirror), double)
        assert process.wait() == 0


def test_a_first_and_a_later_crawl_survive_being_killed(
    served: ServedProject, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = crawl_command(killed, REPO, served.mirror)
    undisturbed(served, whole)
    with GitHubDouble(served.world, latency=LATENCY) as double:
        told = kill_often(command, killed, double, kills=6, seed=1)
    assert (len(told.moments) >= 3, told.again) == (True, [])
    assert content(killed) == content(whole)

    for number in range(2, 700):
        served.data.pulls[number] |= {"title": f"New {number}", "updatedAt": stamp(10**5 + number)}
    for number in range(1002, 1400):
        served.data.issues[number] |= {"body": "New.", "updatedAt": stamp(10**5 + number)}
    undisturbed(served, whole)
    with GitHubDouble(served.world, latency=LATENCY) as double:
        told = kill_often(command, killed, double, kills=4, seed=2)
    assert [it for it in told.again if "page" in it] == []
    assert content(killed) == content(whole)


def test_ctrl_c_ends_a_wait_and_the_same_command_goes_on(
    served: ServedProject, tmp_path: Path
) -> None:
    command = crawl_command(tmp_path, REPO, served.mirror)
    limited = Fault(kind=Kind.RATE_LIMITED, seconds=1800, at=range(3, 10**6))
    with GitHubDouble(served.world, faults=[limited]) as double:
        process = start_crawl(command, double, SECRET)
        while not any(it.fault for it in double.requests):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode in INTERRUPTED
    assert "Waiting 30:0" in said
    assert "Run the same command again" in said
    assert "ghp_" not in said
    assert "kkkk" not in said
    with GitHubDouble(served.world) as double:
        assert start_crawl(command, double).wait() == 0
        assert (double.graphql_requests[0].variables or {})["cursor"] is not None
