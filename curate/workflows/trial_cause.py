"""Why a candidate was rejected, in one line: the verdict's detail, and what its log says first."""

import re

from curate.core.model import Rejection, Validation
from curate.store.blobs import BlobStore

# A line of pytest's that names an exception, without the line of code that raised it.
_EXCEPTION = re.compile(
    r"^E\s+((?:\w+\.)*\w*(?:Error|Exception|Failure|Failed)\b.*)$", re.MULTILINE
)
_BUILD_STAGES = frozenset({"build", "install"})  # whose detail is the end of a log
_BUILD_OUTPUT = re.compile(r"#\d+ \d+\.\d+ (.+)")  # a line that a command of a build printed
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
    exceptions = list_exceptions(log) if rejection.reason in _NAMES_ONLY else []
    return ": ".join(filter(None, [_summarize_detail(rejection), *exceptions[:1]]))


def _summarize_detail(rejection: Rejection) -> str:
    """Return the detail as one line; of the log of a build what its last command said last."""
    lines = [line for it in rejection.detail.splitlines() if (line := " ".join(it.split()))]
    if rejection.stage not in _BUILD_STAGES:
        return " ".join(lines)
    said = [found.group(1) for line in lines if (found := _BUILD_OUTPUT.match(line))]
    return next(reversed(said or lines), "")
