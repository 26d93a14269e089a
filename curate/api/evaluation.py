"""`curate.evaluate`: patches graded."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from curate.api.errors import raise_curate_errors
from curate.core.settings import Settings
from curate.environments.tasks import DEFAULT_SPLIT
from curate.evaluation import api
from curate.evaluation.report import ModelReport


def evaluate(  # noqa: PLR0913 - options of the command
    predictions: str | Path | Mapping[str, str],
    *,
    dataset: str | Path = "",
    split: str = DEFAULT_SPLIT,
    sandbox: str = "docker",
    jobs: int = 1,
    cluster: str = "",
    run_id: str = "",
    settings: Settings | None = None,
) -> Sequence[ModelReport]:
    """Grade patches as `curate evaluate` does, and return a report for each model.

    What was graded before, with the same inputs, is read from the store and not run again.

    Args:
        predictions: Instance id -> patch; or a file in SWE-bench's form; or "gold" or "empty".
        dataset: Release directory, file of rows, or name on the Hub (`OWNER/NAME@REVISION`);
            "" = the verified instances of the store.
        split: Split of the dataset.
        sandbox: "docker", "podman", "apptainer", or "local", which does not isolate.
        jobs: Patches that are graded at once; on each worker of a cluster, where 0 = its slots.
        cluster: "dask://HOST:PORT", "ray://HOST:PORT" or "local"; "" = this process.
        run_id: Names the directory of the reports in `DATA_DIR/evaluations`; by default "gold",
            "empty" or the name of the file, and "patches" for a mapping.
        settings: By default those of the environment variables and `curate.toml`.

    Returns:
        One report for each model of *predictions*; "unnamed" for a mapping. What concerns one
        instance is in `ModelReport.reasons` or, if the machine failed, in `ModelReport.errors`.

    Raises:
        ConfigurationError: The predictions or the dataset cannot be read.
        NotFoundError: There is no such dataset or split.
        EngineError: No container engine or no worker of the cluster responds.
        NoDiskSpaceError: The disk is full.
        StoreError: The data directory cannot be used, or another process grades in it.
    """
    with raise_curate_errors(), tempfile.TemporaryDirectory(prefix="curate-patches-") as folder:
        if isinstance(predictions, Mapping):
            path = Path(folder) / "patches.json"
            path.write_text(json.dumps(dict(predictions)), encoding="utf-8")
            predictions = path
        return api.evaluate(
            predictions,
            dataset=str(dataset),
            split=split,
            sandbox=sandbox,
            jobs=jobs,
            cluster=cluster,
            run_id=run_id,
            settings=settings,
        )
