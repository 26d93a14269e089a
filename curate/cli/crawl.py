"""`curate crawl`: merged pull requests into the store, candidates out of them."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TaskID

from curate.cli.common import (
    library_of,
    mirror_path,
    open_store,
    print_json,
    progress_bar,
    settings_of,
    talk,
)
from curate.errors import BadInput
from curate.git.declared import DeclaredVersion
from curate.git.mirror import Mirror, ensure_mirror, open_mirror
from curate.git.version import NearestTag, VersionNames
from curate.github.client import GitHubClient
from curate.github.pulls import owner_and_name
from curate.settings import Settings
from curate.stages.crawl import CrawlSummary, crawl
from curate.store import Store
from curate.store.codec import to_json
from curate.testpaths import PathRules
from recipes import Recipe

EXAMPLE = "Example: [bold]GITHUB_TOKEN=… curate crawl getmoto/moto --since 2023-01-01[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("crawl", epilog=EXAMPLE)(command)


def command(
    context: typer.Context,
    repos: Annotated[list[str], typer.Argument(metavar="OWNER/NAME...", help="Repositories.")],
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

    The token is read from GITHUB_TOKEN. A second crawl asks only for what is new.
    """
    settings = settings_of(context)
    if mirror and len(repos) > 1:
        raise BadInput("--mirror goes with one repository.", hint="Crawl them one by one.")
    for repo in repos:
        owner_and_name(repo)
    moment = since.replace(tzinfo=UTC) if since else None
    client = GitHubClient(os.environ.get("GITHUB_TOKEN"), api_url or settings.api_url)
    with open_store(settings) as store:
        summaries = [
            crawl_one(repo, store, client, settings, mirror=mirror, since=moment, limit=limit)
            for repo in repos
        ]
    if as_json:
        print_json({s.repo: _counts(s) for s in summaries})


def crawl_one(
    repo: str,
    store: Store,
    client: GitHubClient,
    settings: Settings,
    *,
    mirror: Path | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> CrawlSummary:
    """Crawl one repository under a progress bar and say what came of it."""
    recipe = library_of(settings).get(repo)
    with progress_bar() as progress:
        bars: dict[str, TaskID] = {}

        def report(phase: str, done: int, total: int) -> None:
            if phase not in bars:
                bars[phase] = progress.add_task(f"{repo}: {phase}")
            progress.update(bars[phase], completed=done, total=total)

        with _mirror(repo, mirror, settings) as repository:
            summary = crawl(
                repo,
                store=store,
                client=client,
                mirror=repository,
                rules=PathRules(tests=recipe.paths.tests, sources=recipe.paths.source),
                version_of=_version_of(recipe, repository),
                since=since,
                limit=limit,
                progress=report,
            )
    _tell(summary)
    return summary


def _mirror(repo: str, given: Path | None, settings: Settings) -> Mirror:
    """The mirror to read: the given one (linked into the mirror folder), or a clone kept there."""
    path = mirror_path(settings, repo)
    if given is None:
        if path.is_symlink():
            return open_mirror(path)
        talk.print(f"Updating the mirror of {repo} in {path} …")
        return ensure_mirror(
            path, f"https://github.com/{repo}.git", token=os.environ.get("GITHUB_TOKEN")
        )
    opened = open_mirror(given)
    _link(path, given.resolve())
    return opened


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


def _version_of(recipe: Recipe, mirror: Mirror) -> VersionNames:
    rule = recipe.version
    if rule.rule == "file":
        return DeclaredVersion(mirror, rule.file, rule.pattern)
    return NearestTag(mirror)


def _counts(summary: CrawlSummary) -> dict[str, object]:
    counts: dict[str, object] = json.loads(to_json(summary))
    return counts


def _tell(summary: CrawlSummary) -> None:
    talk.print(
        f"{summary.repo}: {summary.pulls:,} pulls fetched, {summary.candidates:,} new candidates;"
        f" {summary.requests:,} requests, {summary.points:,} points, {summary.seconds:.1f} s"
    )
    for reason, count in sorted(summary.rejected.items(), key=lambda item: -item[1]):
        talk.print(f"  {count:>7,} {reason}")
