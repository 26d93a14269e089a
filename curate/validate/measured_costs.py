"""What validations have cost so far, by repository: the basis of every estimate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from curate.core.model import Environment, Validation
from curate.store import RepositoryFunnel, Store

SAMPLE_SIZE = 400  # newest validations whose times and layers are read, of all repositories
LEAST_SAMPLE = 3  # of each repository

# Documented means, for a store without validations: docs/planning.md.
ENVIRONMENT_BYTES = 720e6
ENVIRONMENTS_PER_CANDIDATE = 0.37

_SHARED_LAYERS = ("environment", "shared_packages", "checkout")
_BASE_LAYERS = ("base", "python")


@dataclass(frozen=True, kw_only=True)
class CandidateCost:
    """Means per candidate of one repository; the defaults are means of docs/environments.md."""

    work_seconds: float = 160.0  # CPU time of runs, wall time of lock and build
    elapsed_seconds: float = 170.0  # wall time of the validation, beside those that ran with it
    longest_seconds: float = 1_120.0  # wall time of the longest validation
    # Of new shared layers: each is counted once.
    environment_bytes: float = ENVIRONMENT_BYTES * ENVIRONMENTS_PER_CANDIDATE
    largest_bytes: float = 7.5e9  # of the shared layers of the largest environment
    instance_bytes: float = 20e6  # of the layer that no other instance has
    verified_share: float = 0.5


@dataclass(frozen=True, kw_only=True)
class MeasuredCosts:
    """The costs of a store's validations."""

    history: int = 0  # validations that were measured; 0 = documented means alone
    by_repo: Mapping[str, CandidateCost] = field(default_factory=dict)
    default: CandidateCost = (
        CandidateCost()
    )  # of repositories without validations: the mean of the others
    base_bytes: float = 1.1e9  # of the base image and all interpreters

    def get(self, repo: str) -> CandidateCost:
        """Return the cost of a candidate of *repo*."""
        return self.by_repo.get(repo, self.default)


def read_measured_costs(store: Store, known: Sequence[RepositoryFunnel]) -> MeasuredCosts:
    """Return the counts of all validations, and times and layers of the newest of each repository.

    *known* are all funnels of *store*.
    """
    funnels = [funnel for funnel in known if funnel.attempted]
    count = max(SAMPLE_SIZE // max(len(funnels), 1), LEAST_SAMPLE)
    by_repo, base_layers = dict[str, CandidateCost](), set[tuple[str, int]]()
    for funnel in funnels:
        sample = list(store.newest_validations(funnel.repo, count))
        by_repo[funnel.repo] = _measure(funnel, sample)
        base_layers |= _list_base_layers(sample)
    history = sum(funnel.attempted for funnel in funnels)
    measured = MeasuredCosts(
        history=history,
        by_repo=by_repo,
        default=_mean([(it.attempted, by_repo[it.repo]) for it in funnels]),
    )
    base_bytes = sum(size for _, size in base_layers)
    return replace(measured, base_bytes=base_bytes) if base_bytes else measured


def _measure(funnel: RepositoryFunnel, sample: Sequence[Validation]) -> CandidateCost:
    """Return the means of a repository with validations; what none of them tells is a default."""
    cost = CandidateCost(
        work_seconds=funnel.work_seconds / funnel.attempted,
        instance_bytes=funnel.unique_bytes / funnel.attempted,
        verified_share=funnel.verified / funnel.attempted,
    )
    elapsed = [(it.finished_at - it.started_at).total_seconds() for it in sample]
    if elapsed:
        mean = sum(elapsed) / len(elapsed)
        cost = replace(cost, elapsed_seconds=mean, longest_seconds=max(elapsed))
    built = _list_environments(sample)
    if not built:
        return cost
    sizes = {it.key: _count_shared_bytes(it) for it in built}
    mean_bytes = sum(sizes.values()) / len(built)
    return replace(cost, environment_bytes=mean_bytes, largest_bytes=max(sizes.values()))


def _list_environments(validations: Sequence[Validation]) -> list[Environment]:
    return [it.environment for it in validations if it.environment and it.environment.layer_bytes]


def _list_base_layers(sample: Sequence[Validation]) -> set[tuple[str, int]]:
    """Return the base image and the interpreters, told apart by their sizes."""
    return {
        (name, it.layer_bytes[name])
        for it in _list_environments(sample)
        for name in _BASE_LAYERS
        if name in it.layer_bytes
    }


def _count_shared_bytes(environment: Environment) -> int:
    return sum(environment.layer_bytes.get(name, 0) for name in _SHARED_LAYERS)


def _mean(costs: Sequence[tuple[int, CandidateCost]]) -> CandidateCost:
    """Return the mean of *costs*, each with its weight; the longest and largest of all."""
    total = sum(weight for weight, _ in costs)
    if not total:
        return CandidateCost()

    def average(name: str) -> float:
        return float(sum(weight * getattr(cost, name) for weight, cost in costs) / total)

    return CandidateCost(
        work_seconds=average("work_seconds"),
        elapsed_seconds=average("elapsed_seconds"),
        longest_seconds=max(cost.longest_seconds for _, cost in costs),
        environment_bytes=average("environment_bytes"),
        largest_bytes=max(cost.largest_bytes for _, cost in costs),
        instance_bytes=average("instance_bytes"),
        verified_share=average("verified_share"),
    )
