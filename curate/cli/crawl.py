"""`curate crawl`: merged pull requests into the store, candidates out of them."""

import json
import logging
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import (
    ApiOption,
    JsonOption,
    ShardOption,
    err_console,
    find_repo,
    get_settings,
    load_library,
    open_store,
    print_json,
    read_repo_name,
    warn_of_exclusions,
)
from curate.cli.waiting import CrawlProgress
from curate.core.errors import ConfigurationError, CurateError, NotFoundError
from curate.core.near_words import suggest_word
from curate.core.settings import Settings
from curate.store.process_lock import CRAWL, process_lock

if TYPE_CHECKING:
    from curate.crawl.run import CrawlSummary
    from curate.github.client import GitHubClient

log = logging.getLogger(__name__)

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
    shard: ShardOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find merged pull requests that close issues and change tests, and make them candidates.

    Tokens are read from GITHUB_TOKEN, GITHUB_TOKENS (separated by commas) and GH_TOKEN, else from
    the login of gh. A second crawl fetches only what is new; one that was interrupted continues
    where it stopped.
    """
    from curate.crawl.mirrors import SubmoduleError, update_submodule_mirrors
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
        shard=shard,
        git_token=read_git_token(settings),
    )
    library = load_library(settings)
    summaries: list[CrawlSummary] = []
    failures: list[CurateError] = []
    with (
        open_store(settings) as store,
        process_lock(settings.data_dir, CRAWL),
        CrawlProgress() as display,
    ):
        warn_of_exclusions(names, settings)
        client = make_client(settings, display)
        for repo in dict.fromkeys(find_repo(name, store, library) for name in names):
            display.start_repository(repo, client)
            recipe = library.get_recipe(repo)
            try:
                summary = crawl_from_settings(
                    repo,
                    store,
                    client,
                    settings,
                    recipe,
                    replace(options, progress=display.update_phase),
                )
                print_crawl_summary(summary)
                summaries.append(summary)
                update_submodule_mirrors(recipe, store, settings, options.git_token)
            except (NotFoundError, SubmoduleError) as error:  # does not stop the others
                near = suggest_word(repo, [*store.list_repositories(), *library.list_names()])
                error.hint = f"{near} {error.hint}".strip()
                failures.append(error)
    if as_json and summaries:
        print_json({summary.repo: _summary_document(summary) for summary in summaries})
    for other in failures[1:]:
        err_console.print(f"[red]{other}[/red]")
    if failures:
        raise failures[0]


def make_client(settings: Settings, display: CrawlProgress) -> "GitHubClient":
    """A client with all tokens of the user, whose waits and warnings are shown."""
    from curate.github.client import GitHubClient
    from curate.github.tokens import find_tokens

    return GitHubClient(
        find_tokens(os.environ, settings.github_api_url),
        settings.github_api_url,
        policy=display.make_retry_policy(),
        on_warning=display.print_warning,
        timeout=settings.network_timeout,
    )


def read_git_token(settings: Settings) -> str | None:
    """The user's first token, for clones over HTTPS; None if it is not for the clone's host."""
    from curate.github.hosts import token_host, website_host
    from curate.github.tokens import find_tokens

    api_url = settings.github_api_url
    is_same_host = token_host(api_url) == website_host(api_url).casefold()
    return next(iter(find_tokens(os.environ, api_url)), None) if is_same_host else None


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
    if bool(repos) == everything:
        raise ConfigurationError(
            "Name repositories, or give --all for those that have a recipe.",
            hint="For example: curate crawl owner/name",
        )
    return [read_repo_name(repo) for repo in repos] or [
        recipe.repo for recipe in load_library(settings)
    ]


def _summary_document(summary: "CrawlSummary") -> dict[str, object]:
    from curate.store.serialization import to_json

    counts: dict[str, object] = json.loads(to_json(summary))
    return counts
