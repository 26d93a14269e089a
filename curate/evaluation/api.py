"""`curate.evaluate`: grading from Python."""

import logging
from collections.abc import Sequence
from pathlib import Path

from curate.core.settings import Settings, read_settings
from curate.environments.observer import SilentObserver
from curate.environments.tasks import DEFAULT_SPLIT, open_tasks
from curate.evaluation.predictions import read_predictions
from curate.evaluation.report import ModelReport, make_run_folder
from curate.evaluation.run import EvaluationOptions, evaluate_predictions
from curate.store import Store

log = logging.getLogger(__name__)


def evaluate(  # noqa: PLR0913 - options of the command
    predictions: str | Path,
    *,
    dataset: str = "",
    split: str = DEFAULT_SPLIT,
    sandbox: str = "docker",
    jobs: int = 1,
    cluster: str = "",
    run_id: str = "",
    settings: Settings | None = None,
) -> Sequence[ModelReport]:
    """Grade *predictions* as `curate evaluate` does, and return a report for each model.

    Args:
        predictions: A file in SWE-bench's form, "gold" or "empty".
        dataset: Release directory, file of rows, or name on the Hub; "" = the store.
        split: Split of the dataset.
        sandbox: "docker", "podman", "apptainer" or "local".
        jobs: Patches that are graded at once; on each worker of a cluster, where 0 = its slots.
        cluster: "dask://HOST:PORT", "ray://HOST:PORT" or "local"; "" = this process.
        run_id: Names the directory of the reports; by default as *predictions*.
        settings: By default those of the environment variables and `curate.toml`.

    Raises:
        CurateError: The predictions or the dataset cannot be read.
        ClusterError: The cluster does not respond, or no worker of it can be used.
        BuilderError: No engine responds. What concerns one instance is in `ModelReport.errors`.
    """
    found = settings or read_settings({})
    folder = make_run_folder(found.data_dir, run_id or Path(predictions).stem)
    with Store(found.data_dir) as store:
        source = open_tasks(dataset, found, store, split)
        read = read_predictions(str(predictions), source.ids)
        for problem in (*read.problems, *read.warnings):
            log.warning("%s", problem)
        options = EvaluationOptions(
            sandbox=sandbox,
            jobs=jobs,
            cluster=cluster,
            folder=folder,
            observer=SilentObserver(),
        )
        return evaluate_predictions(read, source, store, found, options)
