"""`curate crawl`: merged pull requests into the store, candidates out of them."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import err_console, get_settings, load_library, open_store, print_json
from curate.cli.waiting import CrawlProgress
from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.settings import Settings
from curate.crawl.run import CrawlSummary, crawl_repository
from curate.environments.plan import make_classifier, make_version_resolver
from curate.git.locations import mirror_path
from curate.git.mirror import Mirror, ensure_mirror, fetch_refs, open_mirror
from curate.github.client import GitHubClient
from curate.github.pulls import split_repo
from curate.github.tokens import read_tokens
from curate.store import Store
from curate.store.serialization import to_json

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
    github_api_url: Annotated[
        str | None, typer.Option(help="API of GitHub Enterprise or of a mirror.")
    ] = None,
    mirror: Annotated[
        Path | None, typer.Option(help="A bare repository to use instead of cloning.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only pulls merged since.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Fetch at most so many pulls.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Find merged pull requests that close issues and touch tests, and make them candidates.

    Tokens are read from GITHUB_TOKEN and GITHUB_TOKENS, several with commas between them. A
    second crawl asks only for what is new; one that was cut short goes on where it stopped.
    """
    settings = get_settings(context)
    settings = settings.model_copy(
        update={"github_api_url": github_api_url} if github_api_url else {}
    )
    names = _select_repositories(repos or [], everything, settings)
    if mirror and len(names) > 1:
        raise ConfigurationError(
            "--mirror goes with one repository.", hint="Crawl them one by one."
        )
    moment = since.replace(tzinfo=UTC) if since else None
    with open_store(settings) as store, CrawlProgress() as display:
        client = make_client(settings, display)
        summaries: list[CrawlSummary] = []
        absent: list[NotFoundError] = []
        for repo in names:
            try:
                summaries.append(
                    crawl_with_display(
                        repo,
                        store,
                        client,
                        settings,
                        display,
                        mirror=mirror,
                        since=moment,
                        limit=limit,
                    )
                )
            except NotFoundError as error:  # one that is gone keeps nobody from the others
                absent.append(error)
    if as_json and summaries:
        print_json({s.repo: _summary_document(s) for s in summaries})
    for other in absent[1:]:
        err_console.print(f"[red]{other}[/red]")
    if absent:
        raise absent[0]


def make_client(settings: Settings, display: CrawlProgress) -> GitHubClient:
    """A client with all tokens of the environment, whose waits and warnings are shown."""
    return GitHubClient(
        read_tokens(os.environ),
        settings.github_api_url,
        policy=display.make_retry_policy(),
        on_warning=display.print_warning,
    )


def _select_repositories(repos: list[str], everything: bool, settings: Settings) -> list[str]:
    if bool(repos) == everything:
        raise ConfigurationError(
            "Name repositories, or give --all for those that have a recipe.",
            hint="curate crawl owner/name",
        )
    for repo in repos:
        split_repo(repo)
    return repos or [recipe.repo for recipe in load_library(settings)]


def crawl_with_display(
    repo: str,
    store: Store,
    client: GitHubClient,
    settings: Settings,
    display: CrawlProgress,
    *,
    mirror: Path | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> CrawlSummary:
    """Crawl one repository under *display* and say what came of it."""
    recipe = load_library(settings).get_recipe(repo)
    display.start_repository(repo, client)
    with _open_or_clone_mirror(repo, mirror, settings) as repository:
        summary = crawl_repository(
            repo,
            store=store,
            client=client,
            mirror=repository,
            classifier=make_classifier(recipe),
            version_resolver=make_version_resolver(recipe, repository),
            since=since,
            limit=limit,
            refresh=lambda: _update_clone(repo, settings),
            progress=display.update_phase,
        )
    _print_summary(summary)
    return summary


def _open_or_clone_mirror(repo: str, given: Path | None, settings: Settings) -> Mirror:
    """The mirror to read: the given one (linked into the mirror folder), or a clone kept there.

    A clone that is there already is updated only when heads of pulls turn out to be missing.
    """
    path = mirror_path(settings, repo)
    if given is not None:
        opened = open_mirror(given)
        _link_mirror(path, given.resolve())
        return opened
    if path.exists():
        return open_mirror(path)
    err_console.print(f"Cloning {repo} into {path} …")
    return ensure_mirror(path, _clone_url(repo, settings.github_api_url), token=_read_git_token())


def _update_clone(repo: str, settings: Settings) -> None:
    """Bring the heads of new pulls into our clone; a mirror that the user gave is left alone."""
    path = mirror_path(settings, repo)
    if path.is_symlink():
        err_console.print(
            f"{path} lacks heads of pulls; it is yours, so fetch refs/pull/*/head there."
        )
        return
    err_console.print(f"Updating the mirror of {repo} in {path} …")
    fetch_refs(path, _clone_url(repo, settings.github_api_url), token=_read_git_token())


def _clone_url(repo: str, api_url: str) -> str:
    """Where git finds *repo*: beside the API, which GitHub Enterprise has below `/api/v3`."""
    site = api_url.rstrip("/").removesuffix("/api/v3")
    return f"{site if site != api_url.rstrip('/') else 'https://github.com'}/{repo}.git"


def _read_git_token() -> str | None:
    return next(iter(read_tokens(os.environ)), None)


def _link_mirror(path: Path, target: Path) -> None:
    if path.resolve() == target:
        return
    if path.exists() and not path.is_symlink():
        raise ConfigurationError(
            f"{path} holds a clone of its own already.", hint="Remove it, or leave --mirror out."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _summary_document(summary: CrawlSummary) -> dict[str, object]:
    counts: dict[str, object] = json.loads(to_json(summary))
    return counts


def _print_summary(summary: CrawlSummary) -> None:
    err_console.print(
        f"{summary.repo}: {summary.pulls:,} pulls and {summary.issues:,} changed issues fetched,"
        f" {summary.candidates:,} new candidates;"
        f" {summary.requests:,} requests, {summary.points:,} points, {summary.seconds:.1f} s"
    )
    for reason, count in sorted(summary.rejected.items(), key=lambda item: -item[1]):
        err_console.print(f"  {count:>7,} {reason}")
