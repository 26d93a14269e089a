"""What a validation would cost, from the costs of earlier ones or from documented means."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from curate.core.model import Validation
from curate.store import Store

HISTORY_LENGTH = 200  # newest validations from which the size of environments is taken

# Means of the table in docs/environments.md; every candidate counts as an environment of its own.
DEFAULT_WORK_SECONDS = 160.0
DEFAULT_UNIQUE_BYTES = 20e6
DEFAULT_ENVIRONMENT_BYTES = 720e6


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
    costs = store.validation_costs()
    history = sum(count for count, _, _ in costs.values())
    default = _mean_cost(list(costs.values()))
    per_repo = {repo: costs[repo][1:] if repo in costs else default for repo in set(repos)}
    counts = Counter(repos)
    environment_bytes = _environment_bytes(list(store.newest_validations(HISTORY_LENGTH)))
    shared_bytes = environment_bytes * len(repos)
    return CostEstimate(
        candidates=len(repos),
        work_seconds=sum(per_repo[repo][0] * count for repo, count in counts.items()),
        disk_bytes=shared_bytes + sum(per_repo[repo][1] * n for repo, n in counts.items()),
        download_bytes=shared_bytes,
        history=history,
    )


def _mean_cost(costs: Sequence[tuple[int, float, float]]) -> tuple[float, float]:
    """Mean (work seconds, unique bytes) of all validations, or the documented means."""
    total = sum(count for count, _, _ in costs)
    if not total:
        return DEFAULT_WORK_SECONDS, DEFAULT_UNIQUE_BYTES
    work_seconds = sum(count * seconds for count, seconds, _ in costs) / total
    return work_seconds, sum(count * size for count, _, size in costs) / total


def _environment_bytes(history: Sequence[Validation]) -> float:
    """Mean bytes of new environment layers per validation."""
    built = [it.environment for it in history if it.environment and it.environment.layer_bytes]
    if not built:
        return DEFAULT_ENVIRONMENT_BYTES
    layers = ("environment", "shared_packages")
    sizes = {it.key: sum(it.layer_bytes.get(name, 0) for name in layers) for it in built}
    return sum(sizes.values()) / len(built)
