"""A crawl killed with -9 at random moments, against an undisturbed one, on a derived repository.

python -m tests.benchmarks.kill_crawl FOLDER --mirror '/mirrors/{name}/repo' [--kills 30]
"""

import argparse
import tempfile
from pathlib import Path

from tests.benchmarks.derived_repositories import (
    MirroredRepository,
    add_arguments,
    load_repositories,
)
from tests.doubles.github.server import GitHubDouble
from tests.helpers.kill_loop import crawl_command, kill_often, start_crawl
from tests.helpers.store_snapshot import content


def main() -> None:
    """Print kills, requests and whether the stores are the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pulls", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    options = parser.parse_args()
    for place in load_repositories(options.worlds, options.mirror):
        compare_crawls(place, options)


def compare_crawls(place: MirroredRepository, options: argparse.Namespace) -> None:
    """Both crawls of the first pulls of one repository."""
    pulls = sorted(place.data.pulls.values(), key=lambda it: it["createdAt"])[: options.pulls]
    place.data.pulls = {it["number"]: it for it in pulls}
    with tempfile.TemporaryDirectory() as temporary:
        whole, killed = Path(temporary) / "whole", Path(temporary) / "killed"
        with GitHubDouble(place.world, latency=options.latency) as double:
            process = start_crawl(crawl_command(whole, place.repo, place.mirror), double)
            said = process.communicate()[1]
            assert process.returncode == 0, said
            undisturbed = len(double.requests)
        with GitHubDouble(place.world, latency=options.latency) as double:
            command = crawl_command(killed, place.repo, place.mirror)
            told = kill_often(command, killed, double, kills=options.kills, seed=options.seed)
        same = content(whole) == content(killed)
    print(
        f"{place.repo}: {len(pulls)} pulls, {len(told.moments)} kills after {told.moments} s;"
        f" {undisturbed} requests undisturbed, {told.requests} with kills;"
        f" asked again although stored: {told.again or 'nothing'}; stores the same: {same}"
    )


if __name__ == "__main__":
    main()
