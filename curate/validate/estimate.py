"""What a validation would cost, from the costs of earlier ones or from documented means."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from curate.store import Store
from curate.validate.measured_costs import read_measured_costs


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """Cost of validating some candidates."""

    candidates: int
    work_seconds: float
    disk_bytes: float  # of images, shared layers counted once
    download_bytes: float  # at most: of the packages, which are smaller before they are unpacked
    history: int  # how many earlier validations it is based on; 0 = documented means alone


def estimate_cost(repos: Sequence[str], store: Store) -> CostEstimate:
    """Estimate the validation of one candidate for each of *repos* ("owner/name", repeated).

    A repository without validations costs the mean of the others, or the documented mean.
    """
    costs = read_measured_costs(store, store.list_funnels())
    each = [(costs.get(repo), count) for repo, count in Counter(repos).items()]
    shared_bytes = sum(cost.environment_bytes * count for cost, count in each)
    return CostEstimate(
        candidates=len(repos),
        work_seconds=sum(cost.work_seconds * count for cost, count in each),
        disk_bytes=shared_bytes + sum(cost.instance_bytes * count for cost, count in each),
        download_bytes=shared_bytes,
        history=costs.history,
    )
