"""`curate rebuild`: the nightly path; crawl what is new, validate it, write the next release."""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import (
    ApiOption,
    JobsOption,
    JsonOption,
    MaxTimeOption,
    RunsOption,
    SandboxKind,
    SandboxOption,
    ShardOption,
    err_console,
    get_settings,
    load_library,
    open_store,
    parse_deadline,
    print_json,
    warn_of_exclusions,
)
from curate.cli.night_certification import certify_sample
from curate.cli.night_crawler import NightCrawler, RebuildProgress
from curate.cli.night_names import list_night_repositories
from curate.cli.night_release import ReleaseTarget, make_release, print_release
from curate.cli.night_report import require_report_file, write_report
from curate.cli.publish_options import (
    LocalImagesOption,
    PrivateOption,
)
from curate.cli.saved_drafts import print_saved_draft
from curate.cli.validate import choose_jobs
from curate.core.errors import CurateError
from curate.recipes import RecipeLibrary
from curate.store.process_lock import CRAWL, process_lock

if TYPE_CHECKING:
    from curate.workflows.night import NightReport, RepositoryResult
    from curate.workflows.night_certify import NightCertification

log = logging.getLogger(__name__)

EXAMPLE = "Example: [bold]curate rebuild --max-time 5h -j 4[/bold]"


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
    max_time: MaxTimeOption = "",
    output: Annotated[
        Path | None, typer.Option(help="Release directory. (default: DATA_DIR/release)")
    ] = None,
    hub: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Dataset that the release is for.")
    ] = "",
    registry: Annotated[
        str, typer.Option(metavar="HOST/NAMESPACE", help="Registry that its images are for.")
    ] = "",
    publish: Annotated[
        bool, typer.Option("--publish", help="Push it to --hub, and its images to --registry.")
    ] = False,
    private: PrivateOption = True,
    allow_local_images: LocalImagesOption = False,
    github_api_url: ApiOption = None,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    runs: RunsOption = 3,
    jobs: JobsOption = None,
    shard: ShardOption = None,
    certify: Annotated[
        str,
        typer.Option(metavar="SHARE", help="Grade a rotating sample of instances again: 10%."),
    ] = "",
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the report: Markdown, or JSON for FILE.json."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Crawl what is new, validate what is new or has a changed recipe, write the next release.

    All repositories are crawled, then validated; each gets an equal share of the time that is left.
    At the time limit no new test run begins; the next call continues. A repository without a recipe
    gets a draft. What fails does not stop the others. The release is written if anything in it
    changed, with its differences to the last one beside it. Nothing leaves this machine without
    --publish.
    """
    from curate.certification.run import CertificationOptions
    from curate.certification.sample import parse_share
    from curate.environments.context import ValidationOptions
    from curate.publish.filters.config import read_filters
    from curate.publish.release import require_replaceable
    from curate.validate.run import RunControl
    from curate.workflows.night import NightReport
    from curate.workflows.night_base import read_base_images
    from curate.workflows.night_text import make_document
    from curate.workflows.problem import Problem
    from curate.workflows.rebuild import Rebuild, RebuildOptions

    started = time.monotonic()
    settings = get_settings(context, github_api_url=github_api_url)
    target = ReleaseTarget(
        folder=output or settings.data_dir / "release",
        hub=hub,
        registry=registry,
        is_published=publish,
        is_private=private,
        allows_local_images=allow_local_images or not publish,
    )
    target.check()
    deadline = parse_deadline(max_time)
    share = parse_share(certify) if certify else 0.0
    read_filters(settings.release_filters)  # what is wrong with them is told before any work
    require_replaceable(target.folder)
    if report:
        require_report_file(report)
    library = load_library(settings)
    progress = RebuildProgress()
    with open_store(settings) as store, process_lock(settings.data_dir, CRAWL):
        names = list_night_repositories(repos or (), store, library)
        warn_of_exclusions(names, settings)
        options = RebuildOptions(
            validation=ValidationOptions(runs=runs, backend=sandbox.value),
            control=RunControl(
                jobs=jobs or _choose_jobs(names, library), observer=progress.validation
            ),
            deadline=deadline,
            shard=shard,
            shares_after=1 if share else 0,
            on_drafted=print_saved_draft,
        )
        rebuild = Rebuild(
            store=store,
            settings=settings,
            library=library,
            options=options,
            crawler=NightCrawler(store, settings, library, progress),
        )
        with progress:
            results = rebuild.validate_all(rebuild.crawl_all(names))
        _print_results(results)
        certification, problems = None, dict[str, Problem]()
        if share:
            control = CertificationOptions(
                sandbox=sandbox.value,
                jobs=options.control.jobs,
                registry=registry,
                deadline=deadline,
            )
            certification, problem = certify_sample(store, settings, share, control)
            problems |= {"certification": problem} if problem else {}
        has_built = any(it.attempted for it in results)
        bases = read_base_images(store, settings, sandbox.value, has_built=has_built)
        release, problem = make_release(settings, store, target)
        problems |= {"release": problem} if problem else {}
    print_release(release)
    night = NightReport(
        repositories=results,
        release=release,
        certification=certification,
        base_images=bases,
        problems=problems,
        is_out_of_time=deadline is not None and _is_unfinished(results, certification),
        seconds=time.monotonic() - started,
    )
    document = make_document(night)
    if report:
        write_report(report, document)
    if as_json:
        print_json(document)
    if error := _first_problem(night):
        raise error


def _is_unfinished(
    results: "Sequence[RepositoryResult]", certification: "NightCertification | None"
) -> bool:
    """Whether anything is left to the next call that no problem explains."""
    is_left = bool(certification and certification.left and not certification.errors)
    return is_left or any(it.is_unfinished for it in results)


def _choose_jobs(names: Sequence[str], library: RecipeLibrary) -> int:
    """As many parallel workers as the recipes allow that can be read; others are told later."""
    from curate.recipes import RecipeError

    recipes = []
    for name in names:
        with suppress(RecipeError):
            recipes.append(library.get_recipe(name))
    return choose_jobs(recipes)


def _print_results(results: Sequence["RepositoryResult"]) -> None:
    for one in results:
        if one.is_cut_off and one.left is None:
            err_console.print(f"{one.repo}: not reached within the time limit", markup=False)
        if one.left is None:
            continue
        counts = (
            f"{one.attempted:,} attempted: {one.verified:,} verified, {one.rejected:,} rejected"
        )
        state = f"{one.up_to_date:,} up to date, {one.left:,} left"
        err_console.print(f"{one.repo}: {counts}; {state}", markup=False, soft_wrap=True)


def _first_problem(report: "NightReport") -> RebuildIncompleteError | None:
    """The error of the command, with the exit code of the first thing that failed."""
    problems = report.all_problems
    if not problems:
        return None
    name, first = next(iter(problems.items()))
    failed = sum(1 for result in report.repositories if result.problem)
    text = f"{failed} of {len(report.repositories)} repositories failed, the first {name}:"
    error = RebuildIncompleteError(
        f"{text if failed else f'{name}:'} {first.message}",
        hint=first.hint or "Run the same command again; verdicts are kept.",
    )
    error.exit_code = first.exit_code
    return error
