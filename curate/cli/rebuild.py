"""`curate rebuild`: the nightly path; crawl what is new, validate it, prepare the next release."""

import re
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from builders.errors import DiskFullError, EngineUnavailableError
from curate.cli.common import err_console, get_settings, load_library, open_store
from curate.cli.crawl import crawl_with_display, make_client
from curate.cli.releasing import prepare_release
from curate.cli.validate import SandboxKind, run_tasks
from curate.cli.waiting import CrawlProgress
from curate.core.errors import ConfigurationError, CurateError, describe_error
from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.github.client import GitHubClient
from curate.store import Store
from curate.validate.pool import pending_tasks

EXAMPLE = "Example: [bold]curate rebuild --max-time 5h -j 4[/bold]"
_UNITS = {"s": 1, "m": 60, "h": 3600}


class RebuildIncomplete(CurateError):
    """Some repositories could not be rebuilt; the others were."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild", epilog=EXAMPLE)(rebuild_command)


def rebuild_command(
    context: typer.Context,
    repos: Annotated[
        list[str] | None, typer.Argument(metavar="OWNER/NAME", help="Default: every recipe's.")
    ] = None,
    duration: Annotated[
        str, typer.Option("--max-time", help="Time after which it ends: 90m, 5h.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option(help="Release directory. [default: DATA_DIR/release]")
    ] = None,
    github_api_url: Annotated[
        str | None, typer.Option(help="API of GitHub Enterprise or of a mirror.")
    ] = None,
    sandbox: Annotated[SandboxKind, typer.Option(help="docker or local.")] = SandboxKind.DOCKER,
    runs: Annotated[int, typer.Option(min=1, help="Runs on each side.")] = 3,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Candidates at once.")] = 1,
) -> None:
    """Crawl what is new, validate what is new or whose recipe changed, prepare the next release.

    Every repository gets an equal share of what is left of the time. Ends cleanly when that is
    over; the next call goes on.
    """
    settings = get_settings(context)
    ends = time.monotonic() + parse_duration(duration) if duration else None
    settings = settings.model_copy(
        update={"github_api_url": github_api_url} if github_api_url else {}
    )
    display = CrawlProgress()
    client = make_client(settings, display)
    names = repos or [recipe.repo for recipe in load_library(settings)]
    options = ValidationOptions(runs=runs, backend=sandbox.value)
    problems: dict[str, tuple[str, str]] = {}
    with open_store(settings) as store:
        for index, repo in enumerate(names):
            share = _repository_deadline(ends, len(names) - index)
            try:
                _rebuild_repository(
                    repo, store, client, display, settings, options, jobs=jobs, ends=share
                )
            except (EngineUnavailableError, DiskFullError):
                raise  # for all repositories alike
            except Exception as error:
                problems[repo] = _describe_problem(repo, error)
        prepare_release(settings, store, output or settings.data_dir / "release")
    if problems:
        name, (first, hint) = next(iter(problems.items()))
        message = f"{len(problems)} of {len(names)} repositories failed, first {name}: {first}"
        raise RebuildIncomplete(message, hint=hint)


def _repository_deadline(ends: float | None, repositories: int) -> float | None:
    """When the first of *repositories* has used up its share of the time left."""
    now = time.monotonic()
    return None if ends is None else now + (ends - now) / repositories


def _describe_problem(repo: str, error: Exception) -> tuple[str, str]:
    """Message and hint of what stops one repository only; a defect of our own stops all."""
    description = describe_error(error)
    if description is None:
        raise error
    err_console.print(f"{repo}: {description[0]}", style="red", markup=False)
    return description[0], description[1]


def _rebuild_repository(
    repo: str,
    store: Store,
    client: GitHubClient,
    display: CrawlProgress,
    settings: Settings,
    options: ValidationOptions,
    *,
    jobs: int,
    ends: float | None,
) -> None:
    seconds_left = None if ends is None else ends - time.monotonic()
    if seconds_left is not None and seconds_left <= 0:
        err_console.print(f"{repo}: time is over, left for the next call")
        return
    with display:
        crawl_with_display(repo, store, client, settings, display)
    tasks, up_to_date = pending_tasks(store, load_library(settings), options, ids=(), repo=repo)
    err_console.print(f"{repo}: {len(tasks):,} to validate, {up_to_date:,} known")
    stop = threading.Event()
    timer = threading.Timer(max(ends - time.monotonic(), 0), stop.set) if ends else None
    try:
        if timer:
            timer.start()
        run_tasks(tasks, options, store, settings, jobs, stop=stop)
    finally:
        if timer:
            timer.cancel()


def parse_duration(duration: str) -> float:
    """Seconds of "90s", "15m" or "5h"; ConfigurationError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", duration.strip())
    if not match:
        raise ConfigurationError(
            f"{duration!r} is no duration.", hint="Write it like 90s, 15m or 5h."
        )
    return float(match.group(1)) * _UNITS[match.group(2)]
