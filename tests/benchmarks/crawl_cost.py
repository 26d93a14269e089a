"""What a crawl of whole repositories costs: requests and points a pull, first time and again.

python -m tests.benchmarks.crawl_cost FOLDER... --mirror '/mirrors/{name}/repo'
"""

import argparse
import tempfile
import time
from pathlib import Path

from curate.crawl.decide import PullSource
from curate.crawl.run import CrawlSummary, crawl_repository
from curate.environments.recipe_values import make_classifier
from curate.git.mirror import open_mirror
from curate.github.client import GitHubClient
from curate.recipes import RecipeLibrary
from curate.store.store import Store
from tests.benchmarks.derived_repositories import (
    MirroredRepository,
    add_arguments,
    load_repositories,
)
from tests.doubles.github.server import GitHubDouble


def main() -> None:
    """Crawl every world twice and print a line for each time."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    options = parser.parse_args()
    print(
        f"{'world':28}{'pulls':>7}{'cands':>7}{'req':>6}{'pts':>6}{'req/pull':>10}{'pts/pull':>10}"
    )
    for place in load_repositories(options.worlds, options.mirror):
        measure(place)


def measure(place: MirroredRepository) -> None:
    """First crawl, then one with nothing new."""
    with (
        GitHubDouble(place.world) as double,
        tempfile.TemporaryDirectory() as folder,
        Store(Path(folder)) as store,
    ):
        for again in (False, True):
            began = time.monotonic(), len(double.graphql_requests), double.points
            summary = once(place, store, GitHubClient("token", double.url))
            requests = len(double.graphql_requests) - began[1]
            points, total = double.points - began[2], len(place.data.pulls)
            seconds = time.monotonic() - began[0]
            name = f"{place.folder.name}{' again' if again else ''}"
            print(
                f"{name:28}{total:>7}{summary.candidates:>7}{requests:>6}{points:>6}"
                f"{requests / total:>10.4f}{points / total:>10.4f}  {seconds:.0f} s",
                flush=True,
            )


def once(place: MirroredRepository, store: Store, client: GitHubClient) -> CrawlSummary:
    """One crawl by the repository's recipe."""
    rules = make_classifier(RecipeLibrary().get_recipe(place.repo))
    with open_mirror(place.mirror) as mirror:
        return crawl_repository(
            place.repo,
            store=store,
            client=client,
            source=PullSource(mirror=mirror, classifier=rules),
        )


if __name__ == "__main__":
    main()
