"""`curate crawl`: merged pull requests into the store, candidates out of them."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import library_of, open_store, print_json, settings_of, talk
from curate.cli.waiting import CrawlDisplay
from curate.core.errors import BadInput, NotFound
from curate.core.settings import Settings
from curate.crawl.run import CrawlSummary, crawl
from curate.environments.plan import path_rules, version_names
from curate.git.locations import mirror_path
from curate.git.mirror import Mirror, ensure_mirror, fetch, open_mirror
from curate.github.client import GitHubClient
from curate.github.pulls import owner_and_name
from curate.github.tokens import read_tokens
from curate.store import Store
from curate.store.serialization import to_json

EXAMPLE = "Example: [bold]GITHUB_TOKEN=… curate crawl getmoto/moto --since 2023-01-01[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("crawl", epilog=EXAMPLE)(command)


def command(
    context: typer.Context,
    repos: Annotated[
        list[str] | None, typer.Argument(metavar="OWNER/NAME", help="Repositories.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every repository that has a recipe.")
    ] = False,
    api_url: Annotated[str | None, typer.Option(help="GitHub Enterprise's or another API.")] = None,
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
    settings = settings_of(context)
    settings = settings.model_copy(update={"api_url": api_url} if api_url else {})
    names = _names(repos or [], everything, settings)
    if mirror and len(names) > 1:
        raise BadInput("--mirror goes with one repository.", hint="Crawl them one by one.")
    moment = since.replace(tzinfo=UTC) if since else None
    with open_store(settings) as store, CrawlDisplay() as display:
        client = client_of(settings, display)
        summaries: list[CrawlSummary] = []
        absent: list[NotFound] = []
        for repo in names:
            try:
                summaries.append(
                    crawl_one(
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
            except NotFound as error:  # one that is gone keeps nobody from the others
                absent.append(error)
    if as_json and summaries:
        print_json({s.repo: _counts(s) for s in summaries})
    for other in absent[1:]:
        talk.print(f"[red]{other}[/red]")
    if absent:
        raise absent[0]


def client_of(settings: Settings, display: CrawlDisplay) -> GitHubClient:
    """A client with all tokens of the environment, whose waits and warnings are shown."""
    return GitHubClient(
        read_tokens(os.environ),
        settings.api_url,
        policy=display.policy(),
        warn=display.warn,
    )


def _names(repos: list[str], everything: bool, settings: Settings) -> list[str]:
    if bool(repos) == everything:
        raise BadInput(
            "Name repositories, or give --all for those that have a recipe.",
            hint="curate crawl owner/name",
        )
    for repo in repos:
        owner_and_name(repo)
    return repos or [recipe.repo for recipe in library_of(settings)]


def crawl_one(
    repo: str,
    store: Store,
    client: GitHubClient,
    settings: Settings,
    display: CrawlDisplay,
    *,
    mirror: Path | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> CrawlSummary:
    """Crawl one repository under *display* and say what came of it."""
    recipe = library_of(settings).get(repo)
    display.begin(repo, client)
    with _mirror(repo, mirror, settings) as repository:
        summary = crawl(
            repo,
            store=store,
            client=client,
            mirror=repository,
            rules=path_rules(recipe),
            version_of=version_names(recipe, repository),
            since=since,
            limit=limit,
            refresh=lambda: _refresh(repo, settings),
            progress=display.step,
        )
    _tell(summary)
    return summary


def _mirror(repo: str, given: Path | None, settings: Settings) -> Mirror:
    """The mirror to read: the given one (linked into the mirror folder), or a clone kept there.

    A clone that is there already is updated only when heads of pulls turn out to be missing.
    """
    path = mirror_path(settings, repo)
    if given is not None:
        opened = open_mirror(given)
        _link(path, given.resolve())
        return opened
    if path.exists():
        return open_mirror(path)
    talk.print(f"Cloning {repo} into {path} …")
    return ensure_mirror(path, _address(repo, settings.api_url), token=_git_token())


def _refresh(repo: str, settings: Settings) -> None:
    """Bring the heads of new pulls into our clone; a mirror that the user gave is left alone."""
    path = mirror_path(settings, repo)
    if path.is_symlink():
        talk.print(f"{path} lacks heads of pulls; it is yours, so fetch refs/pull/*/head there.")
        return
    talk.print(f"Updating the mirror of {repo} in {path} …")
    fetch(path, _address(repo, settings.api_url), token=_git_token())


def _address(repo: str, api_url: str) -> str:
    """Where git finds *repo*: beside the API, which GitHub Enterprise has below `/api/v3`."""
    site = api_url.rstrip("/").removesuffix("/api/v3")
    return f"{site if site != api_url.rstrip('/') else 'https://github.com'}/{repo}.git"


def _git_token() -> str | None:
    return next(iter(read_tokens(os.environ)), None)


def _link(path: Path, target: Path) -> None:
    if path.resolve() == target:
        return
    if path.exists() and not path.is_symlink():
        raise BadInput(
            f"{path} holds a clone of its own already.", hint="Remove it, or leave --mirror out."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _counts(summary: CrawlSummary) -> dict[str, object]:
    counts: dict[str, object] = json.loads(to_json(summary))
    return counts


def _tell(summary: CrawlSummary) -> None:
    talk.print(
        f"{summary.repo}: {summary.pulls:,} pulls and {summary.issues:,} changed issues fetched,"
        f" {summary.candidates:,} new candidates;"
        f" {summary.requests:,} requests, {summary.points:,} points, {summary.seconds:.1f} s"
    )
    for reason, count in sorted(summary.rejected.items(), key=lambda item: -item[1]):
        talk.print(f"  {count:>7,} {reason}")
