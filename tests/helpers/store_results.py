"""What validations have put into a store, in a form in which two stores can be compared."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from curate.builders.model import RequirementsLock
from curate.core.model import Verdict
from curate.store import Store
from curate.store.serialization import loads


@dataclass(frozen=True, kw_only=True)
class StoredResults:
    """Without times, and without paths of a machine."""

    verdicts: Mapping[str, Verdict]  # by instance id
    locks: Mapping[str, str]  # text by key
    environments: Mapping[str, str]  # lock of the environment by instance id


def read_results(folder: Path) -> StoredResults:
    """Return the results in the store of *folder*; every log that they name must be there."""
    with Store(folder) as store:
        names = sorted(store.validated_inputs())
        found = {name: store.get_validation(name) for name in names}
        records = {name: record for name, record in found.items() if record}
        logs = {run.log for record in records.values() for run in record.runs}
        logs |= {key for record in records.values() for key in record.attempt_logs}
        for key in logs - {""}:
            store.blobs.get(key)
    with sqlite3.connect(f"file:{folder / 'curate.sqlite'}?mode=ro", uri=True) as database:
        locks = {
            key: loads(RequirementsLock, data).text
            for key, data in database.execute("SELECT key, data FROM locks")
        }
    return StoredResults(
        verdicts={name: record.verdict for name, record in records.items()},
        locks=locks,
        environments={
            name: record.environment.lock for name, record in records.items() if record.environment
        },
    )
