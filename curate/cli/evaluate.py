"""`curate evaluate`: grade the patches of a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import (
    ClusterOption,
    DatasetOption,
    JobsOption,
    JsonOption,
    SandboxKind,
    SandboxOption,
    ShardOption,
    SplitOption,
    err_console,
    get_settings,
    open_store,
    print_json,
)
from curate.cli.validate import choose_jobs
from curate.cli.validation_progress import ValidationProgress
from curate.cluster.connect import LOCAL, check_address
from curate.core.errors import ConfigurationError, CurateError
from curate.environments.tasks import DEFAULT_SPLIT, open_tasks
from curate.evaluation.predictions import read_predictions
from curate.evaluation.report import ModelReport, make_run_folder, model_folder
from curate.evaluation.run import EvaluationOptions, count_results, evaluate_predictions
from curate.evaluation.shards import select_shard

EXAMPLE = "Example: [bold]curate evaluate predictions.jsonl --dataset data/release -j 4[/bold]"


class NotGradedError(CurateError):
    """Some predictions could not be graded; the next call tries them again."""

    exit_code = 3


class InvalidPredictionsError(ConfigurationError):
    """Some predictions are of no known instance, or are none."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate", epilog=EXAMPLE)(evaluate_command)


def evaluate_command(
    context: typer.Context,
    predictions: Annotated[
        str,
        typer.Argument(
            metavar="PREDICTIONS", help="JSON or JSON Lines in SWE-bench's form; gold; or empty."
        ),
    ],
    dataset: DatasetOption = "",
    split: SplitOption = DEFAULT_SPLIT,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    jobs: JobsOption = None,
    cluster: ClusterOption = "",
    run_id: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the report. (default: as PREDICTIONS)")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Reports. (default: DATA_DIR/evaluations/NAME)"),
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Grade again what has been graded already.")
    ] = False,
    shard: ShardOption = None,
    as_json: JsonOption = False,
) -> None:
    """Apply each patch to a fresh checkout, run the tests, and write a report.

    Tests, pytest's settings and CI files are those of the instance, whatever a patch does to them.
    A report in SWE-bench's form is written for each model, and reward.json, report.json,
    patch.diff and test_output.txt for each instance. A patch that was graded before, in the same
    environment, is not run again. With --cluster, patches are graded on the workers there, at most
    --jobs on each at once. Exits with 0 once all patches are graded, resolved or not.
    """
    if cluster:
        check_address(cluster)
    settings = get_settings(context)
    name = run_id or Path(predictions).stem
    folder = output or make_run_folder(settings.data_dir, name)
    with open_store(settings) as store:
        source = open_tasks(dataset, settings, store, split)
        found = read_predictions(predictions, source.ids)
        for problem in (*found.problems, *found.warnings):
            err_console.print(f"warning: {problem}", markup=False, soft_wrap=True)
        if shard:
            source, found = select_shard(shard, source, found)
        total = sum(len(model.patches) for model in found.models)
        with ValidationProgress(total, success="resolved") as progress:
            options = EvaluationOptions(
                sandbox=sandbox.value,
                jobs=jobs or (choose_jobs(()) if cluster in ("", LOCAL) else 0),
                cluster=cluster,
                folder=folder,
                observer=progress,
                rerun=rerun,
            )
            reports = evaluate_predictions(found, source, store, settings, options)
    if as_json:
        print_json([dict(report.to_json()) for report in reports])
    _print_summary(reports, folder)
    _raise_if_incomplete(reports, found.problems)


def _print_summary(reports: Sequence[ModelReport], folder: Path) -> None:
    for report in reports:
        done = len(report.reasons)
        share = f" ({len(report.resolved_ids) / done:.1%})" if done else ""
        counts = f"{done:,} graded: {len(report.resolved_ids):,} resolved{share}"
        empty = f", {len(report.empty_ids):,} empty" if report.empty_ids else ""
        errors = f"; {len(report.errors):,} errors" if report.errors else ""
        known = f"; {report.known:,} known" if report.known else ""
        path = model_folder(folder, report.model) / "report.json"
        err_console.print(
            f"{report.model}: {counts}{empty}{errors}{known}. Report: {path}",
            markup=False,
            soft_wrap=True,
        )


def _raise_if_incomplete(reports: Sequence[ModelReport], problems: Sequence[str]) -> None:
    counts = count_results(reports)
    if counts["errors"]:
        name, error = next(item for report in reports for item in report.errors.items())
        raise NotGradedError(
            f"{counts['errors']:,} predictions could not be graded, the first {name}: {error}",
            hint="Run the same command again; grades are kept.",
        )
    unknown = [name for report in reports for name in report.unknown_ids]
    if unknown:
        raise InvalidPredictionsError(
            f"{len(unknown):,} predictions are of unknown instances, the first: {unknown[0]}.",
            hint="All others were graded. Check --dataset and --split.",
        )
    if problems:
        raise InvalidPredictionsError(
            f"{len(problems):,} entries of the predictions are not as they should be, the first:"
            f" {problems[0]}",
            hint="All others were graded.",
        )
