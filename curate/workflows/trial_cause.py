"""Why a candidate was rejected, in one line: the verdict's detail, and what its log says first."""

import re

from curate.core.model import Validation
from curate.store.blobs import BlobStore

# A line of pytest's that names an exception, without the line of code that raised it.
_EXCEPTION = re.compile(
    r"^E\s+((?:\w+\.)*\w*(?:Error|Exception|Failure|Failed)\b.*)$", re.MULTILINE
)
# Reasons whose detail names tests or files, and not what went wrong in them.
_NAMES_ONLY = frozenset({"collection-error", "no-tests-collected", "no-fail-to-pass"})


def read_log(validation: Validation, blobs: BlobStore) -> str:
    """Return the log of the failed lock or build of the stored attempt, else of its first run.

    The first run with the gold patch comes before those without it. Empty if nothing was run.
    """
    runs = sorted(validation.runs, key=lambda run: (run.side != "after", run.index))
    keys = [run.log for run in runs] or list(validation.attempt_logs)
    key = next(filter(None, keys), "")
    return blobs.get(key).decode("utf-8", "replace") if key else ""


def list_exceptions(log: str) -> list[str]:
    """Return the exceptions that pytest reports in *log*, each as one line, in order."""
    return [" ".join(found.split()) for found in _EXCEPTION.findall(log)]


def describe_cause(validation: Validation, log: str) -> str:
    """Return the cause of a rejection as one line; empty for a verified candidate.

    Where the detail names tests or files alone, the first exception in *log* follows.
    """
    rejection = validation.verdict.rejection
    if rejection is None:
        return ""
    lines = [" ".join(line.split()) for line in rejection.detail.splitlines()]
    detail = next(filter(None, lines), "")
    exceptions = list_exceptions(log) if rejection.reason in _NAMES_ONLY else []
    return ": ".join(filter(None, [detail, *exceptions[:1]]))
