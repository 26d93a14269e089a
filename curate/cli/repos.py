"""`curate repos find`: repositories that could be crawled, by the criteria of SWE-Gym's paper."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from curate.cli.common import print_json, settings_of, talk
from curate.cli.crawl import client_of
from curate.cli.waiting import CrawlDisplay
from curate.github.search import Choice, Criteria, choices

EXAMPLE = "Example: [bold]curate repos find --license MIT --license Apache-2.0 > repos.txt[/bold]"

repos = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", epilog=EXAMPLE)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(repos, name="repos", help="Choose repositories.", epilog=EXAMPLE)


@repos.callback()
def group() -> None:
    """Choose repositories."""


@repos.command("find", epilog=EXAMPLE)
def find(  # noqa: PLR0913, PLR0917
    context: typer.Context,
    created_before: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Made before this day.")
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
        list[str] | None, typer.Option("--license", help="SPDX id; may be repeated. Else any.")
    ] = None,
    api_url: Annotated[str | None, typer.Option(help="GitHub Enterprise's or another API.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that is known.")] = False,
) -> None:
    """Print the repositories that meet all criteria, one a line, ready for `curate crawl`.

    The defaults are those of SWE-Gym's paper. GitHub shows 1,000 results of a search; more are
    found by searching in slices of the time of creation.
    """
    settings = settings_of(context)
    settings = settings.model_copy(update={"api_url": api_url} if api_url else {})
    wanted = Criteria(
        created_before=created_before.replace(tzinfo=UTC),
        stars=stars,
        pulls=pulls,
        contributors=contributors,
        python=python / 100,
        licenses=tuple(licenses or ()),
    )
    judged: list[Choice] = []
    with CrawlDisplay() as display:
        client = client_of(settings, display)
        display.begin("GitHub", client)
        for choice in choices(client, wanted):
            judged.append(choice)
            display.step("repositories", len(judged), len(judged))
    _tell(judged, client.requests)
    chosen = sorted((it.found for it in judged if not it.fails), key=lambda it: -it.stars)
    if as_json:
        print_json([asdict(it) for it in chosen])
    else:
        typer.echo("".join(f"{it.repo}\n" for it in chosen), nl=False)


def _tell(judged: Sequence[Choice], requests: int) -> None:
    fallen = Counter(it.fails for it in judged)
    kept = fallen.pop("", 0)
    talk.print(f"{kept:,} of {len(judged):,} repositories; {requests:,} requests")
    for name, count in fallen.most_common():
        talk.print(f"  {count:>7,} fail by {name}")
