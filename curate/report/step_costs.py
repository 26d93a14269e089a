"""What validations cost, step by step: a ledger, and the costliest candidates."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.report.validation_facts import ValidationFacts

STEPS: Mapping[str, str] = {
    "lock_seconds": "locks",
    "environment_seconds": "environments",
    "checkout_seconds": "checkouts",
    "run_seconds": "test runs",
    "strength_seconds": "runs without a hunk",
}
"""Fields of `ValidationFacts`, and what they are called: wall time of the first three, CPU time of
the others."""

COSTLIEST = 5


@dataclass(frozen=True, kw_only=True)
class CandidateSteps:
    """Seconds of one candidate by step."""

    instance_id: str
    is_verified: bool
    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        """Of all steps."""
        return sum(self.seconds.values())


@dataclass(kw_only=True)
class CostCounts:
    """Seconds of work by step, added up validation by validation, and those that cost most."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))
    attempted: int = 0
    verified: int = 0
    _largest: list[tuple[float, str, CandidateSteps]] = field(default_factory=list)

    @property
    def total(self) -> float:
        """Seconds of all steps."""
        return sum(self.seconds.values())

    @property
    def hours_each(self) -> float | None:
        """Core-hours for each verified candidate, those of rejected ones included; None = none."""
        return self.total / 3600 / self.verified if self.verified else None

    @property
    def costliest(self) -> list[CandidateSteps]:
        """The `COSTLIEST` candidates, the costliest first; those of equal cost by id."""
        return [it for *_, it in sorted(self._largest, key=lambda each: (-each[0], each[1]))]

    def add(self, instance_id: str, facts: ValidationFacts) -> None:
        """Count one more validation."""
        steps = {step: float(getattr(facts, step)) for step in STEPS}
        one = CandidateSteps(instance_id=instance_id, is_verified=facts.is_verified, seconds=steps)
        self.attempted += 1
        self.verified += facts.is_verified
        for step, seconds in steps.items():
            self.seconds[step] += seconds
        heapq.heappush(self._largest, (one.total, instance_id, one))
        if len(self._largest) > COSTLIEST:
            heapq.heappop(self._largest)
