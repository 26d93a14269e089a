"""How many tests waver that no run has shown yet: an estimate from what the runs showed.

Runs are draws of an unknown number of unsteady tests. After T draws of which Q tests wavered in
just one, a further draw shows Q / T new ones on average (Good 1953; for draws that may show many
at once, Chao and Colwell 2017). Where every run brings another unsteady test, quarantine has not
found them all, and the gold patch itself may be called wrong later.
"""

from collections.abc import Sequence

from builders.model import Outcome
from curate.core.model import Run


def estimate_new_flaky_tests(runs: Sequence[Run]) -> float | None:
    """Tests not quarantined that a further after-run would show to waver, on average.

    None where there are fewer than two after-runs. A test counts that passed in all after-runs but
    one, or in one alone.
    """
    after = [run for run in runs if run.side == "after"]
    if len(after) < 2:
        return None
    node_ids = {node_id for run in after for node_id in run.outcomes}
    pass_counts = [
        sum(run.outcomes.get(node_id) is Outcome.PASSED for run in after) for node_id in node_ids
    ]
    flaky_once = sum(count in {1, len(after) - 1} for count in pass_counts)
    return flaky_once / len(after)
