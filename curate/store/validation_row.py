"""A row of the table `validations`: the record, and copies of what queries need of it."""

from typing import Any

from curate.core.model import Validation
from curate.store.migrations import compute_content_hash

INSERT_VALIDATION = "INSERT OR REPLACE INTO validations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def make_validation_row(repo: str, validation: Validation, data: bytes) -> tuple[Any, ...]:
    """Return the row of *validation*, whose serialized form is *data*."""
    rejection = validation.verdict.rejection
    return (
        validation.instance_id,
        repo,
        validation.inputs_hash,
        rejection.stage if rejection else None,
        rejection.reason if rejection else None,
        validation.finished_at.isoformat(),
        validation.work_seconds,
        validation.unique_bytes,
        data,
        compute_content_hash(data),
    )
