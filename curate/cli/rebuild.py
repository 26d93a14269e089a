"""`curate rebuild`: the nightly path; crawl what is new, validate it, prepare the next release."""

import re
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from builders.errors import DiskFull, EngineUnavailable
from curate.cli.common import library_of, open_store, settings_of, talk
from curate.cli.crawl import client_of, crawl_one
from curate.cli.releasing import prepare
from curate.cli.validate import Sandbox, run_tasks
from curate.cli.waiting import CrawlDisplay
from curate.core.errors import BadInput, CurateError, described
from curate.core.settings import Settings
from curate.environments.context import Options
from curate.github.client import GitHubClient
from curate.store import Store
from curate.validate.pool import plan

EXAMPLE = "Example: [bold]curate rebuild --for 5h -j 4[/bold]"
_UNITS = {"s": 1, "m": 60, "h": 3600}


class Incomplete(CurateError):
    """Some repositories could not be rebuilt; the others were."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild", epilog=EXAMPLE)(command)


def command(
    context: typer.Context,
    repos: Annotated[
        list[str] | None, typer.Argument(metavar="OWNER/NAME", help="Default: every recipe's.")
    ] = None,
    duration: Annotated[str, typer.Option("--for", help="Time after which it ends: 90m, 5h.")] = "",
    to: Annotated[Path | None, typer.Option(help="Release folder. [default: DATA/release]")] = None,
    api_url: Annotated[str | None, typer.Option(help="Another API than GitHub's.")] = None,
    sandbox: Annotated[Sandbox, typer.Option(help="docker or local.")] = Sandbox.DOCKER,
    runs: Annotated[int, typer.Option(min=1, help="Runs on each side.")] = 3,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Candidates at once.")] = 1,
) -> None:
    """Crawl what is new, validate what is new or whose recipe changed, prepare the next release.

    Every repository gets an equal share of what is left of the time. Ends cleanly when that is
    over; the next call goes on.
    """
    settings = settings_of(context)
    ends = time.monotonic() + seconds(duration) if duration else None
    settings = settings.model_copy(update={"api_url": api_url} if api_url else {})
    display = CrawlDisplay()
    client = client_of(settings, display)
    names = repos or [recipe.repo for recipe in library_of(settings)]
    options = Options(runs=runs, backend=sandbox.value)
    problems: dict[str, tuple[str, str]] = {}
    with open_store(settings) as store:
        for index, repo in enumerate(names):
            share = _share(ends, len(names) - index)
            try:
                _rebuild(repo, store, client, display, settings, options, jobs=jobs, ends=share)
            except (EngineUnavailable, DiskFull):
                raise  # for all repositories alike
            except Exception as error:
                problems[repo] = _told(repo, error)
        prepare(settings, store, to or settings.data / "release")
    if problems:
        name, (first, hint) = next(iter(problems.items()))
        message = f"{len(problems)} of {len(names)} repositories failed, first {name}: {first}"
        raise Incomplete(message, hint=hint)


def _share(ends: float | None, repositories: int) -> float | None:
    """When the first of *repositories* has used up its share of the time left."""
    now = time.monotonic()
    return None if ends is None else now + (ends - now) / repositories


def _told(repo: str, error: Exception) -> tuple[str, str]:
    """Message and hint of what stops one repository only; a defect of our own stops all."""
    told = described(error)
    if told is None:
        raise error
    talk.print(f"{repo}: {told[0]}", style="red", markup=False)
    return told[0], told[1]


def _rebuild(
    repo: str,
    store: Store,
    client: GitHubClient,
    display: CrawlDisplay,
    settings: Settings,
    options: Options,
    *,
    jobs: int,
    ends: float | None,
) -> None:
    left = None if ends is None else ends - time.monotonic()
    if left is not None and left <= 0:
        talk.print(f"{repo}: time is over, left for the next call")
        return
    with display:
        crawl_one(repo, store, client, settings, display)
    tasks, known = plan(store, library_of(settings), options, ids=(), repo=repo)
    talk.print(f"{repo}: {len(tasks):,} to validate, {known:,} known")
    stop = threading.Event()
    timer = threading.Timer(max(ends - time.monotonic(), 0), stop.set) if ends else None
    try:
        if timer:
            timer.start()
        run_tasks(tasks, options, store, settings, jobs, stop=stop)
    finally:
        if timer:
            timer.cancel()


def seconds(duration: str) -> float:
    """Seconds of "90s", "15m" or "5h"; BadInput for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", duration.strip())
    if not match:
        raise BadInput(f"{duration!r} is no duration.", hint="Write it like 90s, 15m or 5h.")
    return float(match.group(1)) * _UNITS[match.group(2)]
