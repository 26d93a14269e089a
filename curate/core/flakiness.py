"""How many tests waver that no run has shown yet: an estimate from what the runs showed.

Runs are draws of an unknown number of unsteady tests. After T draws of which Q tests wavered in
just one, a further draw shows Q / T new ones on average (Good 1953; for draws that may show many
at once, Chao and Colwell 2017). Where every run brings another unsteady test, quarantine has not
found them all, and the gold patch itself may be called wrong later.
"""

from collections.abc import Sequence

from builders.model import Outcome
from curate.core.model import Run


def yet_to_waver(runs: Sequence[Run]) -> float | None:
    """Tests not quarantined that a further after-run would show to waver, on average.

    None where there are fewer than two after-runs. A test counts that passed in all after-runs but
    one, or in one alone.
    """
    after = [run for run in runs if run.side == "after"]
    if len(after) < 2:
        return None
    names = {name for run in after for name in run.outcomes}
    passes = [sum(run.outcomes.get(name) is Outcome.PASSED for run in after) for name in names]
    once = sum(count in {1, len(after) - 1} for count in passes)
    return once / len(after)
