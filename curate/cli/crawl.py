"""`curate crawl`: merged pull requests into the store, candidates out of them."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import (
    ApiOption,
    JsonOption,
    err_console,
    find_repo,
    get_settings,
    load_library,
    open_store,
    print_json,
)
from curate.cli.waiting import CrawlProgress
from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.settings import Settings

if TYPE_CHECKING:
    from curate.crawl.run import CrawlSummary
    from curate.github.client import GitHubClient

EXAMPLE = "Example: [bold]GITHUB_TOKEN=… curate crawl getmoto/moto --since 2023-01-01[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("crawl", epilog=EXAMPLE)(crawl_command)


def crawl_command(
    context: typer.Context,
    repos: Annotated[
        list[str] | None, typer.Argument(metavar="OWNER/NAME", help="Repositories.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every repository that has a recipe.")
    ] = False,
    github_api_url: ApiOption = None,
    mirror: Annotated[
        Path | None, typer.Option(help="Bare repository to read instead of cloning.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DATE", help="Only PRs merged on or after DATE."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of PRs.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Find merged pull requests that close issues and change tests, and make them candidates.

    Tokens are read from GITHUB_TOKEN and GITHUB_TOKENS (separated by commas). A second crawl
    fetches only what is new; one that was interrupted continues where it stopped.
    """
    from curate.crawl.run import CrawlOptions, crawl_from_settings

    settings = get_settings(context, github_api_url=github_api_url)
    names = _select_repositories(repos or [], settings, everything=everything)
    if mirror and len(names) > 1:
        raise ConfigurationError(
            "--mirror takes a single repository.", hint="Crawl them one by one."
        )
    options = CrawlOptions(
        mirror=mirror,
        since=since.replace(tzinfo=UTC) if since else None,
        limit=limit,
        git_token=read_git_token(),
    )
    library = load_library(settings)
    summaries: list[CrawlSummary] = []
    absent: list[NotFoundError] = []
    with open_store(settings) as store, CrawlProgress() as display:
        client = make_client(settings, display)
        for repo in dict.fromkeys(find_repo(name, store, library) for name in names):
            display.start_repository(repo, client)
            try:
                summary = crawl_from_settings(
                    repo,
                    store,
                    client,
                    settings,
                    library.get_recipe(repo),
                    replace(options, progress=display.update_phase),
                )
            except NotFoundError as error:  # does not stop the others
                absent.append(error)
                continue
            print_crawl_summary(summary)
            summaries.append(summary)
    if as_json and summaries:
        print_json({summary.repo: _summary_document(summary) for summary in summaries})
    for other in absent[1:]:
        err_console.print(f"[red]{other}[/red]")
    if absent:
        raise absent[0]


def make_client(settings: Settings, display: CrawlProgress) -> "GitHubClient":
    """A client with all tokens of the environment, whose waits and warnings are shown."""
    from curate.github.client import GitHubClient
    from curate.github.tokens import read_tokens

    return GitHubClient(
        read_tokens(os.environ),
        settings.github_api_url,
        policy=display.make_retry_policy(),
        on_warning=display.print_warning,
    )


def read_git_token() -> str | None:
    """The first GitHub token of the environment, for clones over HTTPS."""
    from curate.github.tokens import read_tokens

    return next(iter(read_tokens(os.environ)), None)


def print_crawl_summary(summary: "CrawlSummary") -> None:
    """Counts of one crawl, and its rejections by reason."""
    err_console.print(
        f"{summary.repo}: {summary.pulls:,} PRs and {summary.issues:,} updated issues fetched,"
        f" {summary.candidates:,} new candidates;"
        f" {summary.requests:,} requests, {summary.points:,} points, {summary.seconds:.1f} s",
        soft_wrap=True,
    )
    for reason, count in sorted(summary.rejected.items(), key=lambda item: -item[1]):
        err_console.print(f"  {count:>7,} {reason}")


def _select_repositories(repos: list[str], settings: Settings, *, everything: bool) -> list[str]:
    from curate.github.pulls import split_repo

    if bool(repos) == everything:
        raise ConfigurationError(
            "Name repositories, or give --all for those that have a recipe.",
            hint="For example: curate crawl owner/name",
        )
    for repo in repos:
        split_repo(repo)
    return repos or [recipe.repo for recipe in load_library(settings)]


def _summary_document(summary: "CrawlSummary") -> dict[str, object]:
    from curate.store.serialization import to_json

    counts: dict[str, object] = json.loads(to_json(summary))
    return counts
