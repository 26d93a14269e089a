"""`curate rebuild`: the nightly path; crawl what is new, validate it, write the next release."""

import re
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import (
    ApiOption,
    JobsOption,
    RunsOption,
    SandboxKind,
    SandboxOption,
    get_settings,
    load_library,
    open_store,
)
from curate.cli.crawl import make_client, print_crawl_summary, read_git_token
from curate.cli.validate import ValidationProgress
from curate.cli.waiting import CrawlProgress
from curate.core.errors import ConfigurationError, CurateError

EXAMPLE = "Example: [bold]curate rebuild --max-time 5h -j 4[/bold]"
_UNITS = {"s": 1, "m": 60, "h": 3600}


class RebuildIncompleteError(CurateError):
    """Some repositories could not be rebuilt; the others were."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild", epilog=EXAMPLE)(rebuild_command)


def rebuild_command(
    context: typer.Context,
    repos: Annotated[
        list[str] | None,
        typer.Argument(metavar="OWNER/NAME", help="(default: all with a recipe)"),
    ] = None,
    max_time: Annotated[
        str, typer.Option(metavar="DURATION", help="Time limit, such as 90m or 5h.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option(help="Release directory. (default: DATA_DIR/release)")
    ] = None,
    github_api_url: ApiOption = None,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    runs: RunsOption = 3,
    jobs: JobsOption = 1,
) -> None:
    """Crawl what is new, validate what is new or has a changed recipe, write the next release.

    Each repository gets an equal share of the time that is left. At the time limit no new test run
    begins; the next call continues.
    """
    from curate.crawl.run import CrawlOptions, crawl_from_settings
    from curate.environments.context import ValidationOptions
    from curate.publish.filters.config import read_filters
    from curate.publish.images import set_release_images
    from curate.publish.release import require_replaceable
    from curate.publish.run import ReleaseOptions, ReleaseSteps, write_filtered_release
    from curate.validate.run import RunControl
    from curate.workflows.rebuild import RebuildOptions, rebuild_repositories

    settings = get_settings(context, github_api_url=github_api_url)
    folder = output or settings.data_dir / "release"
    require_replaceable(folder)
    deadline = time.monotonic() + parse_duration(max_time) if max_time else None
    library = load_library(settings)
    names = repos or [recipe.repo for recipe in library]
    display = CrawlProgress()
    client = make_client(settings, display)

    with open_store(settings) as store:

        def crawl(repo: str) -> None:
            with display:
                display.start_repository(repo, client)
                summary = crawl_from_settings(
                    repo,
                    store,
                    client,
                    settings,
                    library.get_recipe(repo),
                    CrawlOptions(git_token=read_git_token(), progress=display.update_phase),
                )
            print_crawl_summary(summary)

        with ValidationProgress() as progress:
            options = RebuildOptions(
                validation=ValidationOptions(runs=runs, backend=sandbox.value),
                control=RunControl(jobs=jobs, observer=progress),
                deadline=deadline,
            )
            problems = rebuild_repositories(names, store, settings, library, options, crawl)
        set_images = partial(set_release_images, store=store, registry="", allow_local=True)
        write_filtered_release(
            settings,
            store,
            folder,
            options=ReleaseOptions(
                filters=read_filters(settings.release_filters), allow_no_instances=True
            ),
            steps=ReleaseSteps(set_images=set_images),
        )
    if problems:
        name, (first, hint) = next(iter(problems.items()))
        message = f"{len(problems)} of {len(names)} repositories failed, the first {name}: {first}"
        raise RebuildIncompleteError(message, hint=hint)


def parse_duration(duration: str) -> float:
    """Seconds of "90s", "15m" or "5h"; ConfigurationError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", duration.strip())
    if not match:
        raise ConfigurationError(
            f"Invalid duration {duration!r}.", hint="Write it like 90s, 15m or 5h."
        )
    return float(match.group(1)) * _UNITS[match.group(2)]
