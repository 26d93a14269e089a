"""One attempt to verify a candidate: an environment, and how far its runs came."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.builders.model import Failure, Outcome, RequirementsLock, RunStatus
from curate.builders.process.digest import content_hash
from curate.core.model import Validation
from curate.environments.plan import ValidationPlan
from curate.environments.remedy import Remedy
from curate.environments.variants import RequirementsVariant


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The inputs of an attempt; *name* tells it from others of the same candidate."""

    name: str
    plan: ValidationPlan
    variant: RequirementsVariant
    lock: RequirementsLock | Failure
    # Of a repaired attempt: what it repairs, and (kind, name) of a missing thing -> its remedy
    repaired: "Attempt | None" = None
    remedies: Mapping[tuple[str, str], Remedy] = field(default_factory=dict)

    @property
    def step(self) -> str:
        """Name under which its result is kept as long as the candidate has no verdict."""
        text = self.lock.detail if isinstance(self.lock, Failure) else self.lock.text
        return f"attempt {self.name} {content_hash(text, self.variant.manifest.notes)}"


def measure_progress(record: Validation) -> int:
    """Return how far an attempt came.

    4 if verified, 3 if tests passed, 2 if the test session finished, 1 if there was a run at all.
    """
    if record.is_verified:
        return 4
    if any(Outcome.PASSED in run.outcomes.values() for run in record.runs):
        return 3
    is_finished = any(run.status == RunStatus.COMPLETED for run in record.runs)
    return 2 if is_finished else int(bool(record.runs))
