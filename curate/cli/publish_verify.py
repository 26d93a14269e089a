"""`curate publish verify`: evaluation scripts, run in their images as clients run them."""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Annotated

import typer

from curate.builders.errors import EngineUnavailableError
from curate.cli.common import (
    FiltersOption,
    JobsOption,
    JsonOption,
    get_settings,
    open_store,
    print_json,
)
from curate.cli.progress import show_phases
from curate.cli.validate import choose_jobs
from curate.core.errors import CurateError
from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.context import ProgressCallback, PublishContext
from curate.publish.eval_check import CheckOptions, CheckSummary, check_rows
from curate.publish.filters.apply import RowExaminer
from curate.publish.filters.config import read_filters
from curate.publish.images import list_images
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.rows import PublishedImage
from curate.publish.run import CheckRows, ReleaseOptions, ReleaseSteps, select_checked_rows
from curate.releases.table import RowTable
from curate.store import Store

log = logging.getLogger(__name__)

EXAMPLE = "Example: [bold]curate publish verify -j 4[/bold]"


class NotCheckedError(CurateError):
    """Some instances could not be checked; the next call tries them again."""

    exit_code = 3


def verify_command(
    context: typer.Context,
    registry: Annotated[
        str,
        typer.Option(metavar="HOST/NAMESPACE", help="Where images are that are no longer here."),
    ] = "",
    release_filters: FiltersOption = None,
    where: Annotated[str, typer.Option(metavar="SQL", help="Condition on verified rows.")] = "",
    jobs: JobsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Run the evaluation script of each instance of a release as clients run it.

    Once with the gold patch, once without a patch, in the image, started as root. Results are
    kept: only new ones are computed. Exits with 1 if one is not as validation found it.
    """
    settings = get_settings(context)
    filters = read_filters(release_filters or settings.release_filters)
    tests = filters.tests.model_copy(update={"failed_evaluation": "include"})
    filters = filters.model_copy(update={"tests": tests})
    found: list[CheckSummary] = []
    with (
        open_store(settings) as store,
        CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases,
        show_phases() as progress,
    ):
        options = ReleaseOptions(filters=filters, where=where, progress=progress)

        def check(rows: RowTable) -> bool:
            check_options = make_check_options(store, registry, jobs or choose_jobs(()), progress)
            found.append(run_check(rows, store, settings, check_options))
            return False

        ctx = PublishContext(store=store, codebases=codebases, progress=progress)
        select_checked_rows(ctx, RowExaminer(filters), options, ReleaseSteps(check=check))
    (summary,) = found
    if as_json:
        print_json(
            {
                "verified": len(summary.problems) - len(summary.failed),
                "failed": dict(summary.failed),
                "unchecked": summary.unchecked,
                "up_to_date": summary.up_to_date,
            }
        )
    _raise_if_incomplete(summary)


def make_check(
    store: Store, settings: Settings, options: ReleaseOptions, *, registry: str, jobs: int
) -> CheckRows:
    """Return a check of the rows of a release; without an engine, it says so and checks nothing."""

    def check(rows: RowTable) -> bool:
        check_options = make_check_options(store, registry, jobs, options.progress)
        try:
            summary = run_check(rows, store, settings, check_options)
        except EngineUnavailableError as error:
            log.warning("evaluation in the image: not checked, %s", error)
            return False
        has_new = len(summary.failed) > 0
        return has_new and options.filters.tests.failed_evaluation == "exclude"

    return check


def make_check_options(
    store: Store, registry: str, jobs: int, progress: ProgressCallback
) -> CheckOptions:
    """Return the options of a check whose images may be in *registry*, which is read if needed."""

    @cache
    def list_pushed() -> Mapping[str, PublishedImage]:
        return list_images(store, registry).registry_images if registry else {}

    def find_reference(name: str) -> str:
        image = list_pushed().get(name)
        return image.reference if image else ""

    return CheckOptions(jobs=jobs, observer=CheckProgress(progress), find_reference=find_reference)


def run_check(
    rows: RowTable, store: Store, settings: Settings, options: CheckOptions
) -> CheckSummary:
    """Check *rows*, and log what came out."""
    summary = check_rows(rows, store, settings, options)
    log.info("%s", summary)
    if summary.unchecked:
        name, reason = next(iter(summary.unchecked.items()))
        log.warning(
            "%s instances are not checked, the first %s: %s",
            *(f"{len(summary.unchecked):,}", name, reason),
        )
    return summary


class CheckProgress:
    """Shows the progress of a check as a phase."""

    def __init__(self, progress: ProgressCallback) -> None:
        self._progress = progress
        self._done = self._total = 0
        self._phase = ""

    def on_start(self, total: int) -> None:
        """Show how many there are."""
        self._done, self._total = 0, total
        self._show()

    def on_step(self, instance_id: str, step: str) -> None:
        """Show the step."""
        self._phase = f"{instance_id}: {step}"
        self._show()

    def on_done(self) -> None:
        """Count one more."""
        self._done += 1
        self._show()

    def _show(self) -> None:
        self._progress(self._phase, self._done, self._total)


def _raise_if_incomplete(summary: CheckSummary) -> None:
    if summary.failed:
        name, problem = next(iter(summary.failed.items()))
        raise CurateError(
            f"{len(summary.failed):,} instances are not evaluated as validated, the first {name}:"
            f" {problem}",
            hint="A release excludes them; see failed_evaluation in docs/publishing.md.",
        )
    if summary.unchecked:
        name, problem = next(iter(summary.unchecked.items()))
        raise NotCheckedError(
            f"{len(summary.unchecked):,} instances could not be checked, the first {name}:"
            f" {problem}",
            hint="The same command again tries them again; results are kept.",
        )
