"""`curate measure`: would the tests notice a mistake in the gold patch?"""

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from curate.cli.common import (
    DatasetOption,
    JobsOption,
    JsonOption,
    MaxTimeOption,
    SandboxKind,
    SandboxOption,
    SplitOption,
    get_settings,
    load_library,
    open_store,
    parse_duration,
    resolve_ids,
)
from curate.cli.measure_text import print_measurements, raise_if_incomplete
from curate.cli.validate import choose_jobs
from curate.cli.validation_progress import ValidationProgress
from curate.core.errors import ConfigurationError
from curate.environments.tasks import DEFAULT_SPLIT, TaskSource, open_tasks
from curate.measure.mutants import MAX_MUTANTS
from curate.measure.run import DEFAULT_MUTANTS, MeasuringOptions, measure_instances
from curate.store import Store

EXAMPLE = "Example: [bold]curate measure getmoto__moto-4847[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("measure", epilog=EXAMPLE)(measure_command)


def measure_command(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Instances. (default: all)")
    ] = None,
    dataset: DatasetOption = "",
    split: SplitOption = DEFAULT_SPLIT,
    mutants: Annotated[
        int,
        typer.Option(min=0, max=MAX_MUTANTS, help="Wrong variants of each gold patch, at most."),
    ] = DEFAULT_MUTANTS,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    jobs: JobsOption = None,
    max_time: MaxTimeOption = "",
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Measure again what was measured.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the tests with small mistakes in the gold patch, and tell which they do not notice.

    Each mistake is in a line that the gold patch adds, drawn by the instance id, and only the tests
    that execute the line are run. A mutant that survives is a wrong patch that would be graded as
    resolved. Also tells how many of the changed statements FAIL_TO_PASS executes. Needs a mirror
    of the repository.
    """
    settings = get_settings(context)
    deadline = time.monotonic() + parse_duration(max_time) if max_time else None
    with open_store(settings) as store:
        source = open_tasks(dataset, settings, store, split)
        wanted = _choose_ids(ids or [], source, store)
        with ValidationProgress(len(wanted), success="measured") as progress:
            options = MeasuringOptions(
                sandbox=sandbox.value,
                jobs=jobs or choose_jobs(()),
                max_mutants=mutants,
                deadline=deadline,
                rerun=rerun,
                observer=progress,
            )
            library = load_library(settings)
            summary = measure_instances(wanted, source, store, settings, library, options)
    print_measurements(summary, as_json=as_json)
    raise_if_incomplete(summary)


def _choose_ids(names: Sequence[str], source: TaskSource, store: Store) -> Sequence[str]:
    if names:
        return resolve_ids(store, names)
    if not source.ids:
        raise ConfigurationError(
            f"There is nothing to measure: {source.name} has no instances.",
            hint="Run curate validate, or name a release.",
        )
    return source.ids
