"""The figures of a trial: judgments counted, yield, and cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from curate.core.model import Validation
from curate.workflows.recipe_trial import RepositoryTrial
from curate.workflows.trial_judgment import (
    JudgedResult,
    Judgment,
    PersonalJudgments,
    judge_result,
)

_SHARED_LAYERS = ("environment", "shared_packages")  # of which candidates share one


@dataclass(frozen=True, kw_only=True)
class TrialCost:
    """What the validations cost; None where there is nothing to measure."""

    work_seconds: float | None  # mean of a candidate: CPU of runs, wall of lock and build
    wall_seconds: float | None  # mean of a candidate
    environment_bytes: tuple[int, ...]  # of each distinct environment, ascending

    @property
    def median_bytes(self) -> float | None:
        """Median size of the environments."""
        return median(self.environment_bytes) if self.environment_bytes else None


@dataclass(frozen=True, kw_only=True)
class RepositoryReport:
    """The judged results of one repository, and their cost."""

    trial: RepositoryTrial
    judged: Sequence[JudgedResult]
    counts: Mapping[Judgment, int]
    cost: TrialCost

    @property
    def yielded(self) -> float | None:
        """Share of verified candidates among those that are not rightly rejected."""
        return compute_yield(self.counts)


def report_trial(trial: RepositoryTrial, known: PersonalJudgments) -> RepositoryReport:
    """Judge the results of *trial* and sum up what they cost."""
    judged = [judge_result(it, known) for it in trial.results]
    counts = Counter(it.judgment for it in judged)
    validations = [it.validation for it in trial.results if it.validation]
    return RepositoryReport(
        trial=trial,
        judged=judged,
        counts={judgment: counts[judgment] for judgment in Judgment},
        cost=sum_cost(validations),
    )


def sum_counts(reports: Sequence[RepositoryReport]) -> dict[Judgment, int]:
    """Return the counts of all *reports* together."""
    return {judgment: sum(it.counts[judgment] for it in reports) for judgment in Judgment}


def compute_yield(counts: Mapping[Judgment, int]) -> float | None:
    """Return verified / (verified + wrongly rejected); None if that is 0 / 0."""
    total = counts[Judgment.VERIFIED] + counts[Judgment.WRONG]
    return counts[Judgment.VERIFIED] / total if total else None


def sum_cost(validations: Sequence[Validation]) -> TrialCost:
    """Return the cost of *validations*; an environment that several share counts once."""
    environments = {it.environment.key: it.environment for it in validations if it.environment}
    sizes = (
        sum(it.layer_bytes.get(name, 0) for name in _SHARED_LAYERS) for it in environments.values()
    )
    walls = [(it.finished_at - it.started_at).total_seconds() for it in validations]
    return TrialCost(
        work_seconds=mean(it.work_seconds for it in validations) if validations else None,
        wall_seconds=mean(walls) if walls else None,
        environment_bytes=tuple(sorted(size for size in sizes if size)),
    )
