"""Logs of a validation in the blob store, and which of them explains a rejection."""

from collections.abc import Sequence
from dataclasses import dataclass

from curate.builders.model import Outcome, RunStatus
from curate.core.model import Run, Validation
from curate.store.store import Store

SIDE_NAMES = {"before": "pre-patch", "after": "post-patch"}
_FAILING = (Outcome.FAILED, Outcome.ERROR)


@dataclass(frozen=True, kw_only=True)
class StoredLog:
    """A log in the blob store."""

    title: str  # as in "post-patch run 1 (completed)"
    key: str
    command: str  # options of `curate logs` that print it alone
    run: Run | None = None  # None: of a lock or build


def list_logs(validation: Validation) -> list[StoredLog]:
    """Logs of *validation*: of failed locks and builds by attempt, then of its runs."""
    attempts = zip(validation.attempts, validation.attempt_logs, strict=False)
    built = [
        StoredLog(title=f"attempt {number}, {attempt}", key=key, command="--build")
        for number, (attempt, key) in enumerate(attempts, 1)
        if key
    ]
    return built + [
        StoredLog(
            title=f"{SIDE_NAMES[run.side]} run {run.index + 1} ({run.status})",
            key=run.log,
            command=f"--side {run.side} --run {run.index + 1}",
            run=run,
        )
        for run in validation.runs
        if run.log
    ]


def find_explaining_log(validation: Validation) -> StoredLog | None:
    """The log that explains a rejection best; None if there is none, or nothing to explain.

    That is the first run that did not complete, else the first one after the gold patch in which
    a test failed, else the first one after it; without runs, the first failed lock or build.
    """
    logs = list_logs(validation)
    if validation.verdict.rejection is None or not logs:
        return None
    if not validation.runs:
        return logs[0]
    runs = [log for log in logs if log.run]
    return min(runs, key=_explanation_rank, default=None)


def _explanation_rank(log: StoredLog) -> tuple[int, bool, int]:
    run = log.run
    assert run
    has_failed = any(outcome in _FAILING for outcome in run.outcomes.values())
    accepted = (RunStatus.CRASHED, RunStatus.TIMEOUT) if run.side == "before" else ()
    is_fatal = run.status not in (RunStatus.COMPLETED, *accepted)
    rank = 0 if is_fatal else 1 if has_failed and run.side == "after" else 2
    return rank, run.side == "before", run.index


def read_log(store: Store, log: StoredLog) -> str:
    """Text of a stored log."""
    return store.blobs.get(log.key).decode("utf-8", "replace")


def last_lines(text: str, count: int) -> Sequence[str]:
    """The last *count* lines of *text* that are not empty."""
    return [line for line in text.splitlines() if line.strip()][-count:]
