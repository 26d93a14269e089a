"""`curate repos find`: repositories that could be crawled, by the criteria of SWE-Gym's paper."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from curate.cli.common import ApiOption, err_console, get_settings, print_json
from curate.cli.crawl import make_client
from curate.cli.waiting import CrawlProgress
from curate.github.search import RepositoryMatch, SearchCriteria, find_repositories

EXAMPLE = "Example: [bold]curate repos find --license MIT --license Apache-2.0 > repos.txt[/bold]"

repos_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", epilog=EXAMPLE)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(repos_app, name="repos", help="Find repositories.", epilog=EXAMPLE)


@repos_app.callback()
def repos_group() -> None:
    """Find repositories."""


@repos_app.command("find", epilog=EXAMPLE)
def find_command(
    context: typer.Context,
    created_before: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Created before DATE.")
    ] = datetime(2022, 7, 1),
    stars: Annotated[int, typer.Option(min=0, help="More stars than this.")] = 500,
    pulls: Annotated[int, typer.Option(min=0, help="More pull requests than this.")] = 500,
    contributors: Annotated[
        int, typer.Option(min=0, help="More contributors than this; 0 saves a request each.")
    ] = 100,
    python: Annotated[
        float, typer.Option(min=0, max=100, help="At least this percentage of Python.")
    ] = 0,
    licenses: Annotated[
        list[str] | None, typer.Option("--license", help="SPDX id; repeatable. (default: any)")
    ] = None,
    github_api_url: ApiOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Print the repositories that meet all criteria, one per line, as input for `curate crawl`.

    The defaults are those of SWE-Gym's paper. GitHub returns 1,000 results per search; to get all,
    the search is split by creation date.
    """
    settings = get_settings(context, github_api_url=github_api_url)
    criteria = SearchCriteria(
        created_before=created_before.replace(tzinfo=UTC),
        stars=stars,
        pulls=pulls,
        contributors=contributors,
        python=python / 100,
        licenses=tuple(licenses or ()),
    )
    matches: list[RepositoryMatch] = []
    with CrawlProgress() as display:
        client = make_client(settings, display)
        display.start_repository("GitHub", client)
        for match in find_repositories(client, criteria):
            matches.append(match)
            display.update_phase("repositories", len(matches), len(matches))
    _print_summary(matches, client.requests)
    accepted = sorted(
        (it.repository for it in matches if not it.failed_criterion), key=lambda it: -it.stars
    )
    if as_json:
        print_json([asdict(it) for it in accepted])
    else:
        typer.echo("".join(f"{it.repo}\n" for it in accepted), nl=False)


def _print_summary(matches: Sequence[RepositoryMatch], requests: int) -> None:
    failed_counts = Counter(it.failed_criterion for it in matches)
    accepted_count = failed_counts.pop("", 0)
    err_console.print(f"{accepted_count:,} of {len(matches):,} repositories; {requests:,} requests")
    for name, count in failed_counts.most_common():
        err_console.print(f"  {count:>7,} rejected by {name}")
