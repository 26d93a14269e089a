"""`curate rebuild`: the nightly path; crawl what is new, validate it, write the next release."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from curate.builders.process.atomic_write import atomic_write
from curate.cli.common import (
    ApiOption,
    JobsOption,
    JsonOption,
    MaxTimeOption,
    RunsOption,
    SandboxKind,
    SandboxOption,
    ShardOption,
    dump_json,
    err_console,
    get_settings,
    load_library,
    open_store,
    parse_duration,
    print_json,
    warn_of_exclusions,
)
from curate.cli.night_crawler import NightCrawler, RebuildProgress
from curate.cli.night_names import list_night_repositories
from curate.cli.night_release import ReleaseTarget, make_release, print_release
from curate.cli.progress import show_work
from curate.cli.publish_options import (
    LocalImagesOption,
    PrivateOption,
)
from curate.cli.saved_drafts import print_saved_draft
from curate.cli.validate import choose_jobs
from curate.core.errors import ConfigurationError, CurateError
from curate.core.settings import Settings
from curate.publish.output_paths import explain_path_errors, require_writable
from curate.recipes import RecipeLibrary
from curate.store import Store
from curate.store.process_lock import CRAWL, process_lock

if TYPE_CHECKING:
    from curate.workflows.night import NightReport, RepositoryResult
    from curate.workflows.night_certify import NightCertification
    from curate.workflows.problem import Problem
    from curate.workflows.rebuild import RebuildOptions

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
    from curate.certification.sample import parse_share
    from curate.environments.context import ValidationOptions
    from curate.publish.filters.config import read_filters
    from curate.publish.release import require_replaceable
    from curate.validate.run import RunControl
    from curate.workflows.night import NightReport
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
    deadline = started + parse_duration(max_time) if max_time else None
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
            certification, problem = _certify(store, settings, share, options, target)
            problems |= {"certification": problem} if problem else {}
        release, problem = make_release(settings, store, target)
        problems |= {"release": problem} if problem else {}
    print_release(release)
    night = NightReport(
        repositories=results,
        release=release,
        certification=certification,
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


def _certify(
    store: Store,
    settings: Settings,
    share: float,
    options: "RebuildOptions",
    target: ReleaseTarget,
) -> "tuple[NightCertification | None, Problem | None]":
    """Certify a sample; an error is a problem of the night."""
    from curate.certification.run import CertificationOptions
    from curate.workflows.night_certify import certify_night
    from curate.workflows.problem import Problem

    control = CertificationOptions(
        sandbox=options.validation.backend,
        jobs=options.control.jobs,
        registry=target.registry,
        deadline=options.deadline,
    )
    try:
        with show_work("certifying"):
            done = certify_night(store, settings, share, control)
    except Exception as error:
        problem = Problem.of(error)
        err_console.print(f"ERROR certification: {problem.message}", markup=False, soft_wrap=True)
        log.debug("certification: the traceback", exc_info=error)
        return None, problem
    for it in done.drift:
        err_console.print(f"DRIFT {it['message']}", markup=False, soft_wrap=True)
    return done, done.problem


def _is_unfinished(
    results: "Sequence[RepositoryResult]", certification: "NightCertification | None"
) -> bool:
    """Whether anything is left to the next call that no problem explains."""
    is_left = bool(certification and certification.left and not certification.errors)
    return is_left or any(it.is_unfinished for it in results)


def require_report_file(file: Path) -> None:
    """Raise an error if the report cannot be written to *file*, before any work is done."""
    if file.is_dir():
        raise ConfigurationError(f"{file} is a directory.", hint="Name a file for the report.")
    require_writable(file)
    if file.is_fifo():
        with explain_path_errors(file):
            _open_special(file).close()


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


def _open_special(file: Path) -> IO[str]:
    """Open a pipe or device for writing; OSError for a pipe that nobody reads, not a long wait."""
    number = os.open(file, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(number, True)
    return open(number, "w", encoding="utf-8")  # noqa: PTH123


def write_report(file: Path, document: Mapping[str, Any]) -> None:
    """Write the report as Markdown, or as JSON if *file* is named so."""
    from curate.workflows.night_text import render_report

    is_json = file.suffix.lower() == ".json"
    text = dump_json(document) if is_json else render_report(document)
    with explain_path_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and not file.is_file():  # such as /dev/stdout
            with _open_special(file) as stream:
                stream.write(text)
            return
        with atomic_write(file) as partial_file:
            partial_file.write_text(text, encoding="utf-8")
