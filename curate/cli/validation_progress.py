"""What a validation shows while it runs: counts, rate, tally by reason, what is being built."""

import threading
from collections import Counter

from curate.cli.progress import LINE_INTERVAL, Progress, ProgressDisplay

MAX_REASONS = 4  # of the tally, the most frequent ones


class ValidationProgress:
    """Progress of a validation on stderr; its calls may come from several threads."""

    def __init__(
        self,
        total: int | None = None,
        *,
        success: str = "verified",
        interval: float = LINE_INTERVAL,
    ) -> None:
        """*success* is the result that is named first."""
        self._total = total
        self._success = success
        self._lock = threading.Lock()
        self._active: dict[str, str] = {}  # instance id -> newest step
        self._tally: Counter[str] = Counter()
        self._display = ProgressDisplay(self.describe, interval=interval)

    def __enter__(self) -> "ValidationProgress":
        self._display.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._display.__exit__(*exc)

    def on_step(self, instance_id: str, step: str) -> None:
        """Show the step."""
        with self._lock:
            self._active.pop(instance_id, None)  # the newest step is the last
            self._active[instance_id] = step

    def on_done(self, instance_id: str, result: str) -> None:
        """Count one more: "verified", "stage/reason" or "error"."""
        with self._lock:
            self._active.pop(instance_id, None)
            self._tally[result] += 1

    def describe(self) -> Progress:
        """What is shown at this moment."""
        with self._lock:
            active, tally = list(self._active.items()), self._tally.copy()
        lines = (_describe_active(active), _describe_tally(tally, self._success))
        return Progress(lines=lines, done=tally.total(), total=self._total)


def _describe_active(active: list[tuple[str, str]]) -> str:
    if not active:
        return ""
    name, step = active[-1]
    others = f" (and {len(active) - 1} more)" if len(active) > 1 else ""
    return f"{name}: {step}{others}"


def _describe_tally(tally: Counter[str], success: str) -> str:
    """As in "7 verified, 3 validate/flaky-tests, 2 others"."""
    counts = [(success, tally[success])] if tally else []
    counts += [item for item in tally.most_common() if item[0] != success]
    parts = [f"{count:,} {name}" for name, count in counts[: MAX_REASONS + 1]]
    rest = sum(count for _, count in counts[MAX_REASONS + 1 :])
    return ", ".join(parts + ([f"{rest:,} others"] if rest else []))
