"""Estimate of the flaky tests that no run has revealed yet.

Runs are treated as samples from an unknown number of flaky tests. If Q tests deviated in exactly
one of T runs, one more run reveals Q / T new ones on average (Good 1953; for samples that may
reveal several at once, Chao and Colwell 2017). If every run reveals another flaky test, the list
of flaky tests is incomplete, and a later evaluation may reject even the gold patch.
"""

from collections import Counter
from collections.abc import Sequence

from curate.builders.model import Outcome
from curate.core.model import Run


def estimate_new_flaky_tests(runs: Sequence[Run]) -> float | None:
    """Return how many more flaky tests one more post-patch run would reveal, on average.

    None if there are fewer than two post-patch runs. Counted are tests that passed in all
    post-patch runs but one, or in exactly one.
    """
    after = [run for run in runs if run.side == "after"]
    if len(after) < 2:
        return None
    passed = [
        {node_id for node_id, outcome in run.outcomes.items() if outcome is Outcome.PASSED}
        for run in after
    ]
    differing = set[str].union(*passed) - set[str].intersection(*passed)
    pass_counts = Counter(node_id for run in passed for node_id in run & differing)
    flaky_once = sum(count in {1, len(after) - 1} for count in pass_counts.values())
    return flaky_once / len(after)
